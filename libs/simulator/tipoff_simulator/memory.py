"""What the simulated controller remembers of a season."""

from dataclasses import dataclass
from datetime import datetime

from tipoff_planning.history import ExecutionFact, History, Known
from tipoff_planning.plans import Plan


@dataclass(frozen=True)
class Done:
    """One execution with when it ended."""

    fact: ExecutionFact
    workflow: str
    occurrence_id: str
    step: str
    completed_at: datetime


class GrowingHistory(History):
    """A history that goes on, so that it is not made anew for each decision."""

    def __init__(self) -> None:
        self._executions: dict[str, ExecutionFact] = {}
        self._requested: dict[str, datetime] = {}
        super().__init__()
        self.executions, self.requested = self._executions, self._requested

    def note_request(self, request_id: str, now: datetime) -> bool:
        """False when it was requested before."""
        if request_id in self._requested:
            return False
        self._requested[request_id] = now
        return True

    def note_execution(self, fact: ExecutionFact) -> None:
        self._executions[fact.request_id] = fact
        self._index(fact)


class Memory:
    """Append only."""

    def __init__(self) -> None:
        self.history = GrowingHistory()
        self.plans: dict[str, Plan] = {}
        self.outputs: dict[str, dict[str, tuple[str, ...]]] = {}
        self.done: list[Done] = []

    @property
    def known(self) -> Known:
        """Everything by request id."""
        return Known(self.history.executions, self.history.requested, self.outputs)

    def note_execution(self, done: Done, outputs: dict[str, tuple[str, ...]]) -> None:
        self.done.append(done)
        self.history.note_execution(done.fact)
        if outputs:
            self.outputs[done.fact.request_id] = outputs

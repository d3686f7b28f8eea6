"""The state of the simulated controller over one season."""

from dataclasses import dataclass
from datetime import datetime

from tipoff_planning.history import ExecutionFact, History
from tipoff_planning.occurrence_log import Entry, OccurrenceState
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress


@dataclass(frozen=True)
class Done:
    """One execution with its end."""

    fact: ExecutionFact
    workflow: str
    occurrence_id: str
    step: str
    completed_at: datetime


class GrowingHistory(History):
    """A history that grows, so that it need not be rebuilt for each decision."""

    def __init__(self) -> None:
        self._executions: dict[str, ExecutionFact] = {}
        super().__init__()
        self.executions = self._executions

    def note_execution(self, fact: ExecutionFact) -> None:
        """Add the execution of a request."""
        self._executions[fact.request_id] = fact
        self._index(fact)


class SimulatedMemory:
    """The logs of occurrences as the controller keeps them, but in memory only."""

    def __init__(self) -> None:
        self.history = GrowingHistory()
        self.states: dict[str, OccurrenceState] = {}
        self.standings: dict[str, PlanProgress] = {}
        self.done: list[Done] = []

    def begin(self, plan: Plan, at: datetime) -> OccurrenceState:
        """Return the log of a plan's occurrence; begin it unless it exists."""
        if plan.occurrence_id not in self.states:
            state = OccurrenceState(plan.game_date, plan.occurrence_id)
            state.apply(Entry(at=at, plan=plan))
            self.states[plan.occurrence_id] = state
            if state.progress is not None:
                self.standings[plan.occurrence_id] = state.progress
        return self.states[plan.occurrence_id]

    def note_execution(self, done: Done) -> None:
        """Add the execution of a request."""
        self.done.append(done)
        self.history.note_execution(done.fact)

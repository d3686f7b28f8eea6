"""Law of claims, for every order of deliveries, crashes, pauses and times: one executor at a time and one outcome."""

from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from tests.support.examples import examples
from tests.support.samples import NOON, executed, requested
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import Execution
from tipoff_scraper_runner.request_memory import Claim, InProgress, RequestMemory

LEASE = timedelta(seconds=90)
Granted = tuple[Claim, datetime]


class Deliveries(RuleBasedStateMachine):
    """Deliveries of one request to any number of runners, on one bucket."""

    at_work: Bundle[Granted] = Bundle("at_work")

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now, self.fetches = MemoryObjects(), NOON, 0
        self.busy: dict[str, datetime] = {}
        """End of each claim that is neither released nor finished, by its holder."""
        self.outcomes: list[Execution] = []

    @property
    def memory(self) -> RequestMemory:
        """A new memory for each delivery, as in another process."""
        return RequestMemory(self.state)

    @rule(target=at_work)
    def deliver(self) -> Granted | MultipleResults[Granted]:
        holding = [until for until in self.busy.values() if self.now < until]
        try:
            claim = self.memory.claim(requested(), LEASE, self.now)
        except InProgress:
            assert holding, "a request without a live claim is refused"
            return multiple()
        if isinstance(claim, Execution):
            assert claim == self.outcomes[0]
            return multiple()
        assert not holding, "two deliveries execute one request"
        assert not self.outcomes, "a request with an outcome is executed again"
        self.fetches += 1
        self.busy[claim.holder] = self.now + LEASE
        return claim, self.now

    @rule(granted=consumes(at_work))
    def finish(self, granted: Granted) -> None:
        """Finish a delivery that may have been paused for any time and replaced by another."""
        claim, _ = granted
        mine = Execution(executed(run_id=claim.holder), None)
        counts = self.memory.remember(requested(), mine)
        self.outcomes.append(counts)
        self.busy.pop(claim.holder, None)

    @rule(granted=consumes(at_work))
    def give_up(self, granted: Granted) -> None:
        claim, _ = granted
        self.memory.release(requested(), claim, self.now)
        self.busy.pop(claim.holder, None)

    @rule(granted=consumes(at_work))
    def crash(self, granted: Granted) -> None:
        """End a holder without a release, so that only the lease frees the request."""

    @rule(seconds=st.integers(1, 200))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.state.now = self.now

    @invariant()
    def one_outcome(self) -> None:
        assert len({outcome.executed.run_id for outcome in self.outcomes}) <= 1


Deliveries.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=30, deadline=None)
TestDeliveries = Deliveries.TestCase

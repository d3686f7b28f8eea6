"""Tests of a game day with a bucket that fails 30% of its calls: no missed run, no flood of events."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from tests.support.controller import (
    NO_DATA,
    SUCCESS,
    ClockedObjects,
    World,
    at,
    at_times,
    configured,
    daily,
    discovery,
    interval,
    per_game,
    slate,
    standing,
    status_of,
    workflow,
)
from tipoff_common import retrying_objects
from tipoff_common.events import (
    Action,
    ScheduleLocked,
    ScrapeExecuted,
    ScrapeRequested,
    Tick,
    WorkflowDecided,
)
from tipoff_common.ports import Unavailable

GAMES = slate(9, first="13:00")
CONFIGURATION = configured(
    morning=workflow(daily("05:00", "10:00"), "slate"),
    news=workflow(discovery("09:00", "21:00"), "bulletin"),
    lines=workflow(interval("1h", "6h"), "digest"),
    hourly=workflow(at_times(*(f"{hour:02}:30" for hour in range(6, 23))), "summary"),
    post=workflow(per_game("2h", "30m", "8h"), "box_score"),
)
UNTIL = 29
"""The hour of the last tick: five in the morning of the day after."""
FIRST_PUSH = timedelta(seconds=2)


@dataclass
class FlakyObjects(ClockedObjects):
    """A bucket that fails a share of all calls."""

    luck: Random = field(default_factory=lambda: Random(3))  # noqa: S311  # luck, not a secret
    share: float = 0.0

    def check(self) -> None:
        if self.luck.random() < self.share:
            raise Unavailable("503")


class GameDay:
    """One day through the controller's handlers; each message is redelivered with Pub/Sub's back-off until it is
    acknowledged."""

    def __init__(self, share: float) -> None:
        state, data = FlakyObjects("state"), FlakyObjects("data")
        self.world = World(CONFIGURATION, state=state, data=data)
        self.world.land(GAMES, at("04:00"))
        state.share = data.share = share
        self.published: Counter[type] = Counter()
        self.decisions: list[WorkflowDecided] = []
        self.schedules: list[ScheduleLocked] = []
        self.failed_deliveries = 0
        self._requested: set[str] = set()
        self._queue: list[tuple[datetime, int, Callable[[], None], int]] = []
        self._numbers = itertools.count()

    def run(self) -> "GameDay":
        self._push(at("05:00"), lambda: self.world.tick(at("05:00"), Tick.LOCK_SCHEDULE))
        for quarter in range(5 * 4, UNTIL * 4):
            instant = at("00:00") + quarter * timedelta(minutes=15)
            self._push(instant + FIRST_PUSH, lambda tick=instant: self._evaluate(tick))  # type: ignore[misc]
        while self._queue:
            instant, _, deliver, attempt = heapq.heappop(self._queue)
            self.world.now(instant)
            try:
                deliver()
            except Unavailable:
                self.failed_deliveries += 1
                self._push(instant + timedelta(seconds=min(600, 10 * 2**attempt)), deliver, attempt + 1)
            self._take_published(instant)
        return self

    @property
    def statuses(self) -> Counter[str]:
        """Statuses of the day's expected runs, by the rule of the dataset's views."""
        end = at("00:00") + timedelta(hours=UNTIL)
        return Counter(status_of(run, self.decisions, end) for run in standing(self.schedules).values())

    def _evaluate(self, tick: datetime) -> None:
        self.world.tick(tick, wall=self.world.state.now)

    def _push(self, instant: datetime, deliver: Callable[[], None], attempt: int = 0) -> None:
        heapq.heappush(self._queue, (instant, next(self._numbers), deliver, attempt))

    def _take_published(self, instant: datetime) -> None:
        self.published.update(type(event) for event in self.world.bus.events)
        self.decisions += self.world.take(WorkflowDecided)
        self.schedules += self.world.take(ScheduleLocked)
        for request in self.world.take(ScrapeRequested):
            if request.request_id not in self._requested:
                self._requested.add(request.request_id)
                # Every third request finds nothing, so that searches go on.
                outcome = NO_DATA if len(self._requested) % 3 == 0 else SUCCESS
                event = self.world.execute(request, outcome, instant=instant)
                self._push(instant + timedelta(seconds=3), lambda event=event: self._note(event))  # type: ignore[misc]

    def _note(self, event: ScrapeExecuted) -> None:
        self.world.note(event)


@pytest.fixture(scope="module")
def calm() -> GameDay:
    return GameDay(0.0).run()


@pytest.fixture(scope="module")
def faulty() -> GameDay:
    with pytest.MonkeyPatch.context() as patched:
        # The back-off takes most of the time and is not under test.
        patched.setattr(retrying_objects, "DELAYS", (0.0,) * len(retrying_objects.DELAYS))
        return GameDay(0.3).run()


def test_bucket_faults_cause_no_missed_run(calm: GameDay, faulty: GameDay) -> None:
    """Without retries 12 to 29 of 175 expected runs were never decided."""
    assert sum(calm.statuses.values()) > 150
    assert faulty.statuses == calm.statuses
    assert faulty.statuses["MISSING"] == 0


def test_bucket_faults_change_no_requests(calm: GameDay, faulty: GameDay) -> None:
    assert faulty.world.requested() == calm.world.requested()


def test_bucket_faults_publish_few_extra_events(calm: GameDay, faulty: GameDay) -> None:
    """40,000 events were published instead of 1,673: each delivery published an ABORT for every workflow."""
    aborts = [item for item in faulty.decisions if item.action is Action.ABORT]
    assert len(aborts) == len({item.decision_id for item in aborts}), "once a tick"
    extra = sum(faulty.published.values()) - len(aborts) - sum(calm.published.values())
    # An interrupted tick or a redelivered message publishes its stored events again.
    assert extra <= 0.05 * sum(calm.published.values())
    ticks = (UNTIL - 5) * 4
    assert faulty.failed_deliveries < ticks / 10, "nearly all ticks get through at their first delivery"


def test_hour_outage_aborts_each_workflow_once_per_tick_and_misses_no_run() -> None:
    day = GameDay(0.0)
    state = day.world.state
    assert isinstance(state, FlakyObjects)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retrying_objects, "DELAYS", ())
        day._push(at("12:01"), lambda: setattr(state, "share", 1.0))
        day._push(at("13:01"), lambda: setattr(state, "share", 0.0))
        day.run()
    aborted = [item for item in day.decisions if item.action is Action.ABORT]
    assert len(aborted) == len(CONFIGURATION.workflows) * 4
    assert day.statuses["MISSING"] == 0

"""Laws of the controller's memory, for any order, duplicates, crashes and number of controllers."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    ClockedObjects,
    World,
    at,
    failed,
    fixture_file,
    slate,
)
from tests.support.examples import examples
from tipoff_common import retrying_objects
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.outcomes import FailureKind, Outcome, Success
from tipoff_common.ports import Unavailable
from tipoff_controller.deps import Deps, Once
from tipoff_controller.follow_ups import note_executions
from tipoff_controller.handlers import handle_tick
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_planning.workflows import Configuration

PLANS = fixture_file("plans")
OUTCOMES: tuple[Outcome, ...] = (
    SUCCESS,
    SUCCESS,
    NO_DATA,
    failed(FailureKind.HTTP),
    failed(FailureKind.BLOCKED),
)
EVENTS = {"event_id": ("e1", "e2", "e3", "e2")}


@pytest.fixture(scope="module", autouse=True)
def no_repetitions() -> Iterator[None]:
    """Disable retries, which would hide faults from the controller."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(retrying_objects, "DELAYS", ())
        yield


@dataclass
class Faulty(ClockedObjects):
    """A bucket in which some writes fail, before or after they take effect."""

    luck: Random = field(default_factory=lambda: Random(0))  # noqa: S311  # luck, not a secret
    chance: float = 0.0

    def create(
        self, name: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] = {}
    ) -> bool:
        if self.luck.random() < self.chance:
            raise Unavailable(f"{name} was not written")
        created = super().create(name, body, content_type=content_type, metadata=metadata)
        if self.luck.random() < self.chance:
            raise Unavailable(f"nobody knows whether {name} was written")
        return created


@dataclass
class Fleet:
    """Some controllers on one bucket and one bus, and a runner whose outcomes depend on the request alone."""

    name: str
    seed: int
    controllers: int = 1
    chance: float = 0.0
    duplicates: float = 0.0
    outcomes: tuple[Outcome, ...] = OUTCOMES

    def __post_init__(self) -> None:
        self.luck = Random(self.seed)  # noqa: S311  # luck, not a secret
        file = PLANS.file.model_copy(update={"workflows": {self.name: PLANS.workflows[self.name]}})
        self.world = World(
            Configuration(file, PLANS.catalog, PLANS.hash), state=Faulty("state", luck=self.luck)
        )
        self.world.land(slate(3), at("05:00"))
        self.processes = [self._process() for _ in range(self.controllers)]
        self.executed: dict[str, ScrapeExecuted] = {}
        self.published: Counter[str] = Counter()
        self.steps: dict[str, str] = {}

    def run(self) -> "Fleet":
        """Tick once and deliver until the queue is empty; redeliver each failed message to a new process."""
        self.world.now(at("06:00"))
        self.world.state.chance = self.chance
        queue: list[Callable[[Deps], None]] = [self._tick]
        turns = 0
        while queue:
            turns += 1
            assert turns < 5_000, "it does not come to an end"
            delivery = queue.pop(self.luck.randrange(len(queue)))
            place = self.luck.randrange(len(self.processes))
            if self.chance and self.luck.random() < self.chance:
                self.world.bus.capacity = self.luck.randrange(3)
            try:
                delivery(self.processes[place])
            except Unavailable:
                queue.append(delivery)
                self.processes[place] = self._process()
            else:
                if self.luck.random() < self.duplicates:
                    queue.append(delivery)
            self.world.bus.capacity = None
            for request in self.world.take(ScrapeRequested):
                queue += self._requested(request)
        return self

    def _requested(self, request: ScrapeRequested) -> list[Callable[[Deps], None]]:
        self.published[request.request_id] += 1
        self.steps[request.request_id] = request.step
        state = OccurrenceStore(self.world.state, ()).load(Key(DAY, request.occurrence_id or ""))
        assert state.progress is not None
        assert request.request_id in state.progress.requested, "it is remembered before it goes out"
        step = next(item for item in state.progress.plan.steps if item.name == request.step)
        for unit in state.progress.units():
            assert unit.unit.step not in step.parents or unit.state.settled, "parents are settled before"
        if request.request_id in self.executed:
            return []
        digest = int(content_hash(request.request_id.encode())[:8], 16)
        outcome = self.outcomes[digest % len(self.outcomes)]
        keys = EVENTS if request.scraper == "event_list" and isinstance(outcome, Success) else {}
        event = self.world.execute(request, outcome, keys=keys)
        self.executed[request.request_id] = event

        def deliver(deps: Deps) -> None:
            others = [
                item
                for item in self.executed.values()
                if item.occurrence_id == event.occurrence_id and self.luck.random() < self.duplicates
            ]
            note_executions(Key(DAY, event.occurrence_id or ""), [event, *others], deps, at("06:01"))

        return [deliver]

    def _tick(self, deps: Deps) -> None:
        from tipoff_common.events import Tick, TickFired

        handle_tick(TickFired(tick=Tick.EVALUATE, cadence_minutes=1), at("06:00"), deps, at("06:00"))

    def _process(self) -> Deps:
        names = self.world.configuration.subject_parameters
        return replace(
            self.world.deps, occurrences=OccurrenceStore(self.world.state, names), published=Once()
        )

    @property
    def end(self) -> tuple[set[str], set[str], dict[str, str]]:
        """Request ids, executed request ids, and the state of each unit."""
        store = OccurrenceStore(self.world.state, ())
        states = [store.load(key) for key in store.logged(DAY)]
        standings = [state.progress for state in states if state.progress]
        return (
            {name for item in standings for name in item.requested},
            {name for state in states for name in state.executions},
            {
                item.request_id(made): unit.state.value
                for item in standings
                for unit in item.units()
                if (made := item.attempt(unit.unit.request_id(item.plan.occurrence_id, 1))) is not None
            },
        )


NAMES = st.sampled_from(sorted(PLANS.workflows.keys() - {"calendar"}))
SEEDS = st.integers(0, 2**32)


@given(NAMES, SEEDS, st.integers(1, 3), st.sampled_from([0.0, 0.1, 0.4]), st.sampled_from([0.0, 0.3]))
@settings(max_examples=examples(60), deadline=None)
def test_final_state_does_not_depend_on_faults_order_or_duplicates(
    name: str, seed: int, controllers: int, chance: float, duplicates: float
) -> None:
    plain = Fleet(name, 0).run()
    other = Fleet(name, seed, controllers, chance, duplicates).run()
    assert other.end == plain.end
    assert set(other.published) == set(plain.published) == plain.end[0], "each is published at least once"


@given(NAMES, SEEDS, st.integers(1, 3))
@settings(max_examples=examples(40), deadline=None)
def test_without_a_fault_each_request_is_published_once(name: str, seed: int, controllers: int) -> None:
    assert set(Fleet(name, seed, controllers).run().published.values()) == {1}


@given(NAMES, SEEDS)
@settings(max_examples=examples(40), deadline=None)
def test_duplicate_deliveries_to_same_controller_publish_once(name: str, seed: int) -> None:
    assert set(Fleet(name, seed, duplicates=0.4).run().published.values()) == {1}


@pytest.mark.parametrize("name", ["diamond", "props", "games"])
def test_join_after_successful_steps_is_a_single_request(name: str) -> None:
    last = PLANS.workflows[name].steps[-1].id
    for seed in range(5):
        made = Fleet(name, seed, controllers=2, duplicates=0.3, outcomes=(SUCCESS,)).run()
        assert list(made.steps.values()).count(last) == 1

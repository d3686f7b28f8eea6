"""Tests of controller crashes before or after each write: every decided event is published all the same.

Each message is redelivered to a new process until it is acknowledged. The published events are those of a run
without crashes: none is lost, and each id has one content.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.support.controller import (
    NO_DATA,
    ClockedObjects,
    World,
    at,
    at_times,
    configured,
    daily,
    dead_letter,
    failed,
    per_game,
    slate,
    workflow,
)
from tipoff_common import retrying_objects
from tipoff_common.events import ScheduleLocked, ScrapeExecuted, ScrapeRequested, WorkflowDecided
from tipoff_common.outcomes import FailureKind
from tipoff_common.ports import Unavailable
from tipoff_controller.dead_requests import note_dead_request


@dataclass
class MortalObjects(ClockedObjects):
    """A bucket that ends the process at its n-th write."""

    dies_at: int | None = None
    done: bool = False
    """True if that write succeeds."""
    writes: int = 0
    names: list[str] = field(default_factory=list)

    def _die(self, name: str, *, done: bool) -> None:
        if self.dies_at == self.writes and self.done == done:
            self.dies_at = None
            raise Unavailable(f"the process dies at {name}")

    def create(
        self, name: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] = {}
    ) -> bool:
        self._die(name, done=False)
        created = super().create(name, body, content_type=content_type, metadata=metadata)
        self._count(name)
        return created

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        self._die(name, done=False)
        replaced = super().replace(name, body, generation=generation)
        self._count(name)
        return replaced

    def _count(self, name: str) -> None:
        self.names.append(name)
        try:
            self._die(name, done=True)
        finally:
            self.writes += 1


@pytest.fixture(autouse=True)
def no_repetitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying_objects, "DELAYS", ())


def deliver(made: World, handle: Callable[[], None]) -> None:
    """Deliver a message until it is acknowledged; replace a crashed process by a new one."""
    for _ in range(5):
        try:
            handle()
        except Unavailable:
            made.bus.capacity = None
            made.restart()
        else:
            return
    raise AssertionError("it is not acknowledged")


Scene = Callable[[World], None]


def late_lock(made: World) -> None:
    """Lock the day by an evaluation, as its lock tick is lost."""
    deliver(made, lambda: made.tick(at("05:45")))


def game_called_off(made: World) -> None:
    """Change the locked schedule."""
    deliver(made, made.lock)
    one, two = slate(2)
    made.land([one, two.model_copy(update={"postponed": True})], at("14:00"))
    deliver(made, lambda: made.tick(at("14:15")))


def request_expired(made: World) -> None:
    """Let a request's lease expire without an execution."""
    deliver(made, lambda: made.tick(at("06:00")))
    deliver(made, lambda: made.tick(at("06:30")))
    for event in made.bus.of(ScrapeExecuted):
        deliver(made, lambda event=event: made.note(event))  # type: ignore[misc]


def request_died(made: World) -> None:
    """Deliver the dead letter of a request twice."""
    deliver(made, lambda: made.tick(at("06:00")))
    letter = dead_letter(made.requests[0], published=at("06:02"))
    deliver(made, lambda: note_dead_request(letter, made.deps))
    # Only the clock differs between the deliveries, and no event may depend on it.
    made.restart()
    made.now(at("06:10"))
    deliver(made, lambda: note_dead_request(letter, made.deps))


def parent_without_data(made: World) -> None:
    """Skip steps because their parent found no data."""
    deliver(made, lambda: made.tick(at("06:00")))
    request = next(item for item in made.requests if item.step == "events")
    event = made.execute(request, NO_DATA)
    deliver(made, lambda: made.note(event))


def parent_heard_of_by_the_dataset_alone(made: World) -> None:
    """Skip steps after the parent's row, as the event of its execution is lost."""
    deliver(made, lambda: made.tick(at("06:00")))
    request = next(item for item in made.requests if item.step == "events")
    # Not a success: the dataset does not have its fan-out values.
    made.execute(request, failed(FailureKind.BLOCKED))
    deliver(made, lambda: made.tick(at("06:30")))


def occurrence_unreadable(made: World) -> None:
    """Damage the occurrence's log, which is rebuilt from the dataset."""
    deliver(made, lambda: made.tick(at("06:00")))
    for request in made.requests:
        made.execute(request, NO_DATA)
    for name in [name for name in made.state.bodies if "/occurrences/" in name]:
        made.state.bodies[name] = b"{"
    made.restart()
    deliver(made, lambda: made.tick(at("06:15")))


SCENES: list[Scene] = [
    late_lock,
    game_called_off,
    request_expired,
    request_died,
    parent_without_data,
    parent_heard_of_by_the_dataset_alone,
    occurrence_unreadable,
]
CONFIGURATION = configured(
    morning=workflow(daily("05:00", "10:00"), "digest"),
    post=workflow(per_game("2h", "30m", "3h"), "box_score"),
    props=workflow(
        at_times("06:00"),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "name": "props", "for_each": {"step": "events", "key": "event_id"}},
        {"scraper": "summary", "name": "join", "after": ["props"]},
    ),
)


def played(
    scene: Scene, dies_at: int | None = None, *, done: bool = False, capacity: int | None = None
) -> tuple[World, MortalObjects]:
    """Run a scene in which a process crashes at a write, or after `capacity` published events."""
    state = MortalObjects("state")
    made = World(CONFIGURATION, state=state)
    made.land(slate(2), at("04:55"))
    state.dies_at, state.done, made.bus.capacity = dies_at, done, capacity
    scene(made)
    return made, state


def published(made: World) -> dict[str, str]:
    """Return every published event by its id; assert that each id has one content.

    Requests of a rebuilt occurrence are the exception: they name the new decision.
    """
    rebuilt = {item.occurrence_id for item in made.decisions if item.reason_code == "memory_rebuilt"}
    found: dict[str, set[str]] = {}
    for kind in (WorkflowDecided, ScheduleLocked, ScrapeRequested, ScrapeExecuted):
        for event in made.bus.of(kind):
            if (
                getattr(event, "reason_code", "") != "history_unavailable"
            ):  # the ABORT of the interrupted delivery
                again = kind is ScrapeRequested and event.occurrence_id in rebuilt
                found.setdefault(event.id, set()).add("again" if again else event.model_dump_json())
    assert all(len(contents) == 1 for contents in found.values()), found
    return {identifier: contents.pop() for identifier, contents in found.items()}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_crash_at_any_write_loses_no_event(scene: Scene) -> None:
    calm, state = played(scene)
    expected = published(calm)
    assert expected
    for number in range(state.writes):
        for done in (False, True):
            other, died = played(scene, number, done=done)
            assert died.dies_at is None
            assert published(other).keys() == expected.keys(), f"{state.names[number]}, done: {done}"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_crash_at_any_write_leaves_no_unpublished_schedule(scene: Scene) -> None:
    _, state = played(scene)
    for number in range(state.writes):
        for done in (False, True):
            made, _ = played(scene, number, done=done)
            result = {event.model_dump_json() for event in made.schedules}
            for name, body in made.state.bodies.items():
                if "/schedule/" in name:
                    assert ScheduleLocked.model_validate_json(body).model_dump_json() in result, name


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_failure_of_any_publish_loses_no_event(scene: Scene) -> None:
    calm, _ = played(scene)
    for capacity in range(len(calm.bus.published)):
        other, _ = played(scene, capacity=capacity)
        assert published(other).keys() == published(calm).keys(), f"after {capacity} events"

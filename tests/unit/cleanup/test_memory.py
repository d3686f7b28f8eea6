"""Tests of cleanup's memory: runs, republish counts, markers."""

import json
from datetime import timedelta

import pytest

from tests.support.samples import NOON, cleaned
from tests.unit.cleanup.bench import DAY, QUARTER
from tipoff_cleanup.losses import Attempts
from tipoff_cleanup.memory import CleanupMemory, CleanupRun
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects

A, B = "gs://data/f/2025-01-15/a.json", "gs://data/f/2025-01-15/a.jso"


@pytest.fixture
def state() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def memory(state: MemoryObjects) -> CleanupMemory:
    return CleanupMemory(state)


def run(files: int) -> CleanupRun:
    return CleanupRun(completed=cleaned(files_checked=files), written_until=NOON)


def test_the_first_run_of_a_tick_counts(memory: CleanupMemory) -> None:
    assert memory.run(NOON) is None
    assert memory.remember_run(NOON, run(1)) == run(1)
    assert memory.remember_run(NOON, run(2)) == run(1)
    assert memory.run(NOON) == run(1)
    assert memory.run(NOON + QUARTER) is None


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"completed": 1}', b"\xff"])
def test_unreadable_run_counts_as_absent(memory: CleanupMemory, state: MemoryObjects, body: bytes) -> None:
    memory.remember_run(NOON, run(1))
    (name,) = state.bodies
    state.bodies[name] = body
    assert memory.run(NOON) is None
    assert memory.remember_run(NOON, run(2)) == run(2)


def test_a_run_of_an_older_service_is_read(memory: CleanupMemory, state: MemoryObjects) -> None:
    """Older versions stored the alerts of a run as well."""
    memory.remember_run(NOON, run(1))
    (name,) = state.bodies
    older = {**json.loads(state.bodies[name]), "alerts": [{"rule": "phase2-behind"}]}
    state.bodies[name] = json.dumps(older).encode()
    assert memory.run(NOON) == run(1)


def test_earlier_runs_are_found_across_midnight_and_weeks_long_gaps(
    memory: CleanupMemory,
) -> None:
    ticks = [NOON - ago for ago in (QUARTER, timedelta(hours=16), timedelta(hours=40), 10 * DAY, 70 * DAY)]
    for tick in (*ticks, NOON, NOON + QUARTER):
        memory.remember_run(tick, run(1))
    assert list(memory.ticks_before(NOON)) == ticks


def test_republishes_and_give_ups_are_counted_by_file(memory: CleanupMemory) -> None:
    assert memory.mark_republish(A, 1, NOON)
    assert memory.mark_republish(A, 2, NOON + QUARTER)
    memory.mark_given_up(B, NOON)
    assert memory.attempts([A, B, "gs://data/undated.json"]) == {
        A: Attempts(2, (NOON, NOON + QUARTER), next_number=3),
        B: Attempts(given_up=True),
        "gs://data/undated.json": Attempts(),
    }


def test_failed_republish_does_not_count(memory: CleanupMemory) -> None:
    assert memory.mark_republish(A, 1, NOON)
    memory.mark_not_republished(A, 1, NOON)
    assert memory.attempts([A]) == {A: Attempts(0, (), next_number=2)}


def test_foreign_object_among_the_runs_is_ignored(memory: CleanupMemory) -> None:
    memory.remember_run(NOON - QUARTER, run(1))
    memory._state.create(f"cleanup/runs/{NOON:%Y-%m-%d}/README.txt", b"")
    assert list(memory.ticks_before(NOON)) == [NOON - QUARTER]


def test_republish_marker_is_granted_only_once(memory: CleanupMemory) -> None:
    """A file was republished forever (incident 17)."""
    assert memory.mark_republish(A, 1, NOON)
    assert not memory.mark_republish(A, 1, NOON)
    assert memory.attempts([A])[A].republishes == 1


def test_unreadable_republish_count_raises(memory: CleanupMemory, state: MemoryObjects) -> None:
    """A failed query republished everything; a file was republished forever (incidents 15 and 17)."""
    state.down = True
    with pytest.raises(Unavailable):
        memory.attempts([A])


@pytest.mark.parametrize("metadata", [{}, {"at": "yesterday"}, {"at": "2025-01-15T12:00:00"}])
@pytest.mark.parametrize("mark", ["republish-0001", "adopted.json", "given-up", "notes.txt", "", "x/y"])
def test_mark_without_its_metadata_ends_no_run(
    memory: CleanupMemory, state: MemoryObjects, mark: str, metadata: dict[str, str]
) -> None:
    """A copied object has no metadata; every run failed for as long as its file was missing."""
    memory.mark_republish(A, 2, NOON)
    (name,) = state.bodies
    folder = name.rpartition("/")[0]
    state.put(f"{folder}/{mark}", b"", content_type="text/plain", metadata=metadata)
    attempts = memory.attempts([A])[A]
    assert attempts.republishes == 1 + (mark == "republish-0001")
    assert attempts.given_up is (mark == "given-up")

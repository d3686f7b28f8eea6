"""What cleanup remembers."""

import pytest

from tests.support.memory import MemoryObjects
from tests.support.samples import cleaned
from tipoff_cleanup.memory import Memory
from tipoff_common.ports import Unavailable


@pytest.fixture
def state() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def memory(state: MemoryObjects) -> Memory:
    return Memory(state)


def test_the_first_run_of_a_tick_counts(memory: Memory) -> None:
    assert memory.run("t") is None
    first, second = cleaned(files_checked=1), cleaned(files_checked=2)
    assert memory.remember_run("t", first) == first
    assert memory.remember_run("t", second) == first
    assert memory.run("t") == first
    assert memory.run("u") is None


def test_republishes_are_counted_by_file(memory: Memory) -> None:
    for number in (1, 2):
        memory.mark_republish("gs://data/a.json", number)
    assert memory.republishes("gs://data/a.json") == 2
    assert memory.republishes("gs://data/a.jso") == 0


def test_a_marker_written_twice_is_one(memory: Memory) -> None:
    for _ in range(2):
        memory.mark_republish("gs://data/a.json", 1)
    assert memory.republishes("gs://data/a.json") == 1


def test_a_count_that_cannot_be_read_is_not_zero(memory: Memory, state: MemoryObjects) -> None:
    """Incidents 15, 17."""
    state.down = True
    with pytest.raises(Unavailable):
        memory.republishes("gs://data/a.json")

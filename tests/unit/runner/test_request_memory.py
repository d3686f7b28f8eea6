"""What the runner remembers: the first creation wins."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.samples import executed, landed, requested
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import Execution
from tipoff_scraper_runner.request_memory import RequestMemory


@pytest.fixture
def state() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def memory(state: MemoryObjects) -> RequestMemory:
    return RequestMemory(state)


def test_nothing_is_known_of_a_new_request(memory: RequestMemory) -> None:
    assert memory.recall(requested()) is None


@pytest.mark.parametrize("file", [landed(), None], ids=["with a file", "without"])
def test_an_outcome_is_recalled_as_it_was(memory: RequestMemory, file: object) -> None:
    execution = Execution(executed(), file)  # type: ignore[arg-type]
    memory.remember(requested(), execution)
    assert memory.recall(requested()) == execution


def test_the_first_outcome_of_a_request_counts(memory: RequestMemory) -> None:
    first = Execution(executed(run_id="first"), None)
    assert memory.remember(requested(), first) == first
    assert memory.remember(requested(), Execution(executed(run_id="second"), None)) == first


def test_of_concurrent_outcomes_all_see_the_same(memory: RequestMemory, state: MemoryObjects) -> None:
    """Two instances are given one request."""
    together = threading.Barrier(8)

    def remember(number: int) -> Execution:
        together.wait()
        return memory.remember(requested(), Execution(executed(run_id=str(number)), None))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(remember, range(8)))
    assert len({execution.executed.run_id for execution in seen}) == 1
    assert len(state.bodies) == 1


def test_the_name_of_an_outcome_is_found_by_day(memory: RequestMemory, state: MemoryObjects) -> None:
    memory.remember(requested(), Execution(executed(), None))
    assert list(state.bodies) == ["runner/outcomes/2025-01-15/request-1.json"]


def test_a_file_is_announced_by_the_execution_that_brought_it_first(memory: RequestMemory) -> None:
    assert memory.announces(landed(execution_id="first"))
    assert not memory.announces(landed(execution_id="second"))
    assert memory.announces(landed(execution_id="first"))


def test_a_concurrent_announcement_is_one_executions(memory: RequestMemory) -> None:
    together = threading.Barrier(8)

    def announces(number: int) -> bool:
        together.wait()
        return memory.announces(landed(execution_id=str(number)))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(announces, range(8))) == [False] * 7 + [True]


def test_another_file_is_another_announcement(memory: RequestMemory) -> None:
    assert memory.announces(landed(execution_id="first"))
    assert memory.announces(landed(execution_id="second", gcs_path="gs://data/another.json"))


def test_a_bucket_that_is_down_is_heard(memory: RequestMemory, state: MemoryObjects) -> None:
    """Unknown is not "new": that would fetch and publish twice."""
    state.down = True
    for call in (
        lambda: memory.recall(requested()),
        lambda: memory.remember(requested(), Execution(executed(), None)),
        lambda: memory.announces(landed()),
    ):
        with pytest.raises(Unavailable):
            call()

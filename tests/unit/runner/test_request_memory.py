"""Tests of the runner's memory of requests: the first creation wins."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.support.samples import NOON, executed, landed, requested
from tipoff_common.ports import Unavailable
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import Execution
from tipoff_scraper_runner.request_memory import Claim, InProgress, RequestMemory


@pytest.fixture
def state() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def memory(state: MemoryObjects) -> RequestMemory:
    return RequestMemory(state)


def test_new_request_has_no_outcome(memory: RequestMemory) -> None:
    assert memory.recall(requested()) is None


@pytest.mark.parametrize("file", [landed(), None], ids=["with a file", "without"])
def test_outcome_is_recalled_unchanged(memory: RequestMemory, file: object) -> None:
    execution = Execution(executed(), file)  # type: ignore[arg-type]
    memory.remember(requested(), execution)
    assert memory.recall(requested()) == execution


def test_first_outcome_of_a_request_wins(memory: RequestMemory) -> None:
    first = Execution(executed(run_id="first"), None)
    assert memory.remember(requested(), first) == first
    assert memory.remember(requested(), Execution(executed(run_id="second"), None)) == first


def test_concurrent_outcomes_resolve_to_the_same_outcome(memory: RequestMemory, state: MemoryObjects) -> None:
    """Several instances may execute one request."""
    together = threading.Barrier(8)

    def remember(number: int) -> Execution:
        together.wait()
        return memory.remember(requested(), Execution(executed(run_id=str(number)), None))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(remember, range(8)))
    assert len({execution.executed.run_id for execution in seen}) == 1
    assert len(state.bodies) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"executed": 1}', b"\xff"])
def test_unreadable_outcome_is_replaced_by_the_next(
    memory: RequestMemory, state: MemoryObjects, body: bytes
) -> None:
    """Such a request must neither stay without an answer nor be executed at each redelivery."""
    memory.remember(requested(), Execution(executed(run_id="first"), None))
    (name,) = state.bodies
    state.bodies[name] = body
    assert memory.recall(requested()) is None
    again = Execution(executed(run_id="second"), None)
    assert memory.remember(requested(), again) == again
    assert memory.recall(requested()) == again


def test_outcome_object_name_contains_the_day(memory: RequestMemory, state: MemoryObjects) -> None:
    memory.remember(requested(), Execution(executed(), None))
    assert list(state.bodies) == ["runner/outcomes/2025-01-15/request-1.json"]


LEASE = timedelta(seconds=90)


def test_first_delivery_claims_the_request(memory: RequestMemory, state: MemoryObjects) -> None:
    claim = memory.claim(requested(), LEASE, NOON)
    assert isinstance(claim, Claim)
    assert (claim.taken_over, claim.deaths) == (False, 0)
    assert list(state.bodies) == ["runner/claims/2025-01-15/request-1.json"]


def test_second_delivery_is_refused_until_lease_expires(memory: RequestMemory, state: MemoryObjects) -> None:
    memory.claim(requested(), LEASE, NOON)
    with pytest.raises(InProgress, match="request-1 is being executed by another delivery") as caught:
        memory.claim(requested(), LEASE, NOON + LEASE - timedelta(seconds=5))
    assert caught.value.RETRY_SECONDS == 5
    state.now = NOON + LEASE
    taken = memory.claim(requested(), LEASE, NOON + LEASE)
    assert isinstance(taken, Claim)
    assert (taken.taken_over, taken.deaths) == (True, 1)


def test_fast_clock_does_not_end_another_holders_lease(memory: RequestMemory, state: MemoryObjects) -> None:
    """Two runners whose clocks were six minutes apart fetched one request at the same time."""
    minutes = timedelta(minutes=3)
    memory.claim(requested(), LEASE, NOON - minutes)
    state.now = NOON + timedelta(seconds=20)
    with pytest.raises(InProgress) as caught:
        memory.claim(requested(), LEASE, NOON + minutes)
    assert caught.value.RETRY_SECONDS == 30
    state.now = NOON + LEASE
    assert isinstance(memory.claim(requested(), LEASE, NOON + minutes + LEASE), Claim)


def test_expired_lease_is_taken_over_by_a_single_delivery(
    memory: RequestMemory, state: MemoryObjects
) -> None:
    memory.claim(requested(), LEASE, NOON)
    state.now = NOON + LEASE
    together = threading.Barrier(8)

    def claim(_number: int) -> bool:
        together.wait()
        try:
            return isinstance(memory.claim(requested(), LEASE, NOON + LEASE), Claim)
        except InProgress:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [False] * 7 + [True]


def test_request_with_outcome_is_never_claimed_again(memory: RequestMemory) -> None:
    memory.claim(requested(), LEASE, NOON)
    execution = Execution(executed(), None)
    memory.remember(requested(), execution)
    assert memory.claim(requested(), LEASE, NOON) == execution
    assert memory.claim(requested(), LEASE, NOON + 2 * LEASE) == execution


def test_released_claim_is_taken_over_at_once_and_counts_no_crash(memory: RequestMemory) -> None:
    """A short outage of the bucket must not cost a lease or count as a crash by the payload."""
    claim = memory.claim(requested(), LEASE, NOON)
    assert isinstance(claim, Claim)
    memory.release(requested(), claim, NOON)
    taken = memory.claim(requested(), LEASE, NOON)
    assert isinstance(taken, Claim)
    assert (taken.taken_over, taken.deaths) == (True, 0)


def test_holder_with_expired_lease_releases_nothing(memory: RequestMemory, state: MemoryObjects) -> None:
    slept = memory.claim(requested(), LEASE, NOON)
    state.now = NOON + LEASE
    memory.claim(requested(), LEASE, NOON + LEASE)
    assert isinstance(slept, Claim)
    memory.release(requested(), slept, NOON + LEASE)
    with pytest.raises(InProgress):
        memory.claim(requested(), LEASE, NOON + LEASE)


@pytest.mark.parametrize("body", [b"", b"{", b'{"holder": "a"}', b'{"holder": "a", "until": "soon"}'])
def test_unreadable_claim_does_not_block_its_request(
    memory: RequestMemory, state: MemoryObjects, body: bytes
) -> None:
    state.create("runner/claims/2025-01-15/request-1.json", body)
    assert isinstance(memory.claim(requested(), LEASE, NOON), Claim)


def test_bucket_outage_raises_unavailable(memory: RequestMemory, state: MemoryObjects) -> None:
    """An unknown request must not count as new, as it would be fetched and published twice."""
    state.down = True
    for call in (
        lambda: memory.recall(requested()),
        lambda: memory.remember(requested(), Execution(executed(), None)),
        lambda: memory.claim(requested(), LEASE, NOON),
    ):
        with pytest.raises(Unavailable):
            call()

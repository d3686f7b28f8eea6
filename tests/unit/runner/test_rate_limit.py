"""Tests of the rate limit per host (incident 29: the CDN answered 403 after a burst)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_scraper_runner.rate_limit import Pacer


@dataclass
class FakeTime:
    """A clock that moves with each sleep."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def pacer(time: FakeTime) -> Pacer:
    return Pacer(time.monotonic, time.sleep)


def test_the_first_call_goes_at_once(pacer: Pacer, time: FakeTime) -> None:
    pacer.wait("cdn.nba.com", 2)
    assert time.slept == []


def test_a_burst_is_spread(pacer: Pacer, time: FakeTime) -> None:
    for _ in range(4):
        pacer.wait("cdn.nba.com", 2)
    assert time.slept == [0.5, 0.5, 0.5]


def test_a_call_that_comes_late_enough_does_not_wait(pacer: Pacer, time: FakeTime) -> None:
    pacer.wait("cdn.nba.com", 2)
    time.now += 0.5
    pacer.wait("cdn.nba.com", 2)
    assert time.slept == []


def test_idle_time_gives_no_burst_credit(pacer: Pacer, time: FakeTime) -> None:
    pacer.wait("cdn.nba.com", 2)
    time.now += 60
    for _ in range(2):
        pacer.wait("cdn.nba.com", 2)
    assert time.slept == [0.5]


def test_hosts_do_not_wait_for_each_other(pacer: Pacer, time: FakeTime) -> None:
    pacer.wait("cdn.nba.com", 1)
    pacer.wait("official.nba.com", 1)
    assert time.slept == []


@given(st.lists(st.floats(0, 3), min_size=2, max_size=20), st.floats(0.1, 50))
def test_no_two_calls_are_closer_than_the_rate_allows(gaps: list[float], per_second: float) -> None:
    time = FakeTime()
    pacer, called = Pacer(time.monotonic, time.sleep), []
    for gap in gaps:
        time.now += gap
        pacer.wait("host", per_second)
        called.append(time.now)
    assert all(later - earlier >= 1 / per_second - 1e-6 for earlier, later in pairwise(called))


def test_concurrent_threads_get_distinct_slots() -> None:
    """The clock stands still, so each sleep is the time until the call's turn."""
    slept, lock = [], threading.Lock()

    def sleep(seconds: float) -> None:
        with lock:
            slept.append(seconds)

    pacer = Pacer(lambda: 100.0, sleep)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pacer.wait("host", 2), range(8)))
    assert sorted(slept) == [0.5 * turn for turn in range(1, 8)]

"""Tests of the rate limit of several runners, and of a turn that is too far away."""

from dataclasses import dataclass

import pytest

from tests.support.samples import NOON
from tests.support.scrapers import spec
from tipoff_scraper_runner.http_clients import http_opener
from tipoff_scraper_runner.rate_limit import Pacer


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("sharers", [1, 4])
def test_rate_is_divided_among_sharers(sharers: int) -> None:
    clock = Clock()
    pacer = Pacer(clock, clock.sleep, sharers=sharers)

    for _ in range(11):
        assert pacer.wait("host", 2.0)

    assert clock.now == pytest.approx(10 * sharers / 2.0)


def test_slot_beyond_the_deadline_is_not_taken() -> None:
    clock = Clock()
    pacer = Pacer(clock, clock.sleep)
    assert pacer.wait("host", 0.1)

    assert not pacer.wait("host", 0.1, within=9.9)
    assert clock.now == 0.0
    assert pacer.wait("host", 0.1, within=10.0)
    assert clock.now == 10.0


def test_executions_of_a_runner_share_one_pacer() -> None:
    open_http = http_opener(max_instances=4)

    with open_http(spec(), NOON, False) as one, open_http(spec(), NOON, False) as other:
        assert one._pacer is other._pacer
        assert one._pacer._sharers == 4

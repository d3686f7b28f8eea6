"""What a host said about when to come back counts for every scrape of the process."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from tipoff_scraper_runner.host_pauses import HostPauses

SECONDS = st.integers(-1000, 1000).map(lambda number: NOON + timedelta(seconds=number))


@given(since=SECONDS, until=SECONDS, now=SECONDS)
def test_a_host_is_paused_between_the_two_instants_and_no_other_host_is(since, until, now) -> None:  # type: ignore[no-untyped-def]  # hypothesis gives them
    pauses = HostPauses()
    pauses.pause("a.example", since, until)
    assert pauses.until("a.example", now) == (until if since <= now < until else None)
    assert pauses.until("b.example", now) is None


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    pauses = HostPauses()
    pauses.pause("a.example", NOON, NOON + timedelta(days=1))
    pauses.pause("a.example", NOON + timedelta(minutes=1), NOON + timedelta(minutes=2))
    assert pauses.until("a.example", NOON + timedelta(hours=3)) == NOON + timedelta(days=1)


def test_a_day_that_is_replayed_later_and_lies_before_is_not_paused() -> None:
    pauses = HostPauses()
    pauses.pause("a.example", NOON, NOON + timedelta(days=1))
    assert pauses.until("a.example", NOON - timedelta(days=3)) is None

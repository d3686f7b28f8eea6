"""Tests of pauses by hosts: they apply to every scrape, in each process of the runner."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from tipoff_common.ports import Versioned
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner import host_pauses
from tipoff_scraper_runner.host_pauses import HostPauses, _StoredPause

SECONDS = st.integers(-1000, 1000).map(lambda number: NOON + timedelta(seconds=number))


@given(since=SECONDS, until=SECONDS, now=SECONDS)
def test_pause_covers_only_its_interval_and_host(since, until, now) -> None:  # type: ignore[no-untyped-def]  # hypothesis gives them
    pauses = HostPauses()
    pauses.pause("a.example", since, until)
    assert pauses.until("a.example", now) == (until if since <= now < until else None)
    assert pauses.until("b.example", now) is None


def test_shorter_pause_does_not_end_a_longer_pause() -> None:
    pauses = HostPauses()
    pauses.pause("a.example", NOON, NOON + timedelta(days=1))
    pauses.pause("a.example", NOON + timedelta(minutes=1), NOON + timedelta(minutes=2))
    assert pauses.until("a.example", NOON + timedelta(hours=3)) == NOON + timedelta(days=1)


def test_replay_of_earlier_day_is_not_paused() -> None:
    pauses = HostPauses()
    pauses.pause("a.example", NOON, NOON + timedelta(days=1))
    assert pauses.until("a.example", NOON - timedelta(days=3)) is None


LATER, DAY = NOON + timedelta(hours=1), timedelta(days=1)


def test_a_pause_holds_in_every_process_and_after_a_restart() -> None:
    """Four instances called a host that had asked one of them to wait for a day."""
    state = MemoryObjects()
    HostPauses(state).pause("a.example:443", NOON, NOON + DAY)
    other = HostPauses(state)
    assert other.until("a.example:443", LATER) == NOON + DAY
    assert other.until("b.example", LATER) is None


def test_longer_pause_wins_across_processes() -> None:
    state = MemoryObjects()
    first, second = HostPauses(state), HostPauses(state)
    first.pause("a.example", NOON, NOON + DAY)
    second.until("a.example", NOON)
    second.pause("a.example", NOON, LATER)
    assert HostPauses(state).until("a.example", NOON) == NOON + DAY


def test_pause_of_another_process_is_read_after_cache_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("tipoff_scraper_runner.host_pauses.time.monotonic", lambda: clock[0])
    state = MemoryObjects()
    reader = HostPauses(state)
    assert reader.until("a.example", LATER) is None
    HostPauses(state).pause("a.example", NOON, NOON + DAY)
    assert reader.until("a.example", LATER) is None, "no read for each call of a fan-out"
    clock[0] += host_pauses._FRESH_SECONDS
    assert reader.until("a.example", LATER) == NOON + DAY


@pytest.mark.parametrize("body", [b"", b"{}", b'{"since": "soon"}', b"\xff"])
def test_unreadable_pause_is_ignored(body: bytes) -> None:
    state = MemoryObjects(bodies={"runner/pauses/a.example.json": body})
    assert HostPauses(state).until("a.example", NOON) is None


def test_own_pauses_apply_during_bucket_outage() -> None:
    pauses = HostPauses(MemoryObjects(down=True))
    pauses.pause("a.example", NOON, NOON + DAY)
    assert pauses.until("a.example", LATER) == NOON + DAY
    assert pauses.until("b.example", LATER) is None


def ends(state: MemoryObjects) -> datetime | None:
    """Return the end of the pause for a new process."""
    return HostPauses(state).until("a.example", NOON)


def test_shorter_pause_of_stale_process_does_not_replace_longer_pause() -> None:
    state = MemoryObjects()
    first, second = HostPauses(state), HostPauses(state)
    assert second.until("a.example", NOON) is None
    first.pause("a.example", NOON, NOON + DAY)
    second.pause("a.example", NOON, LATER)
    assert ends(state) == NOON + DAY


def test_longer_pause_replaces_shorter_pause_of_another_process() -> None:
    state = MemoryObjects()
    HostPauses(state).pause("a.example", NOON, LATER)
    HostPauses(state).pause("a.example", NOON, NOON + DAY)
    assert ends(state) == NOON + DAY


def test_new_pause_replaces_unreadable_pause() -> None:
    state = MemoryObjects(bodies={"runner/pauses/a.example.json": b"{}"})
    HostPauses(state).pause("a.example", NOON, LATER)
    assert ends(state) == LATER


@dataclass
class Raced(MemoryObjects):
    """A bucket in which another process stores its pause after each read, unless a longer one exists."""

    others: list[datetime] = field(default_factory=list)

    def read(self, name: str) -> Versioned | None:
        held = super().read(name)
        if self.others:
            other = self.others.pop()
            if held is None or _StoredPause.model_validate_json(held.body).until < other:
                stored = _StoredPause(since=NOON, until=other).model_dump_json().encode()
                self.put(name, stored, content_type="application/json")
        return held


HOURS = st.integers(1, 9).map(lambda hours: NOON + timedelta(hours=hours))


@given(others=st.lists(HOURS, max_size=4), own=HOURS)
def test_longest_of_concurrent_pauses_wins(others: list[datetime], own: datetime) -> None:
    state = Raced(others=[*others])
    HostPauses(state).pause("a.example", NOON, own)
    written = others[len(state.others) :]
    assert HostPauses(state).until("a.example", NOON) == max([own, *written])

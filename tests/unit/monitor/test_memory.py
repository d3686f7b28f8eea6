"""Tests of the monitor's memory: damaged objects, claims and marks."""

from datetime import timedelta

import pytest

from tests.support.samples import NOON, SAMPLES
from tests.unit.monitor.bench import Watched, rules_file, wrong
from tipoff_common.events import AlertChanged
from tipoff_common.testing import MemoryObjects
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import LEASE, NAME, MonitorState

DAMAGED = pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"incidents": 1}', b"\xff"])
ALERT = SAMPLES[AlertChanged]()


@DAMAGED
def test_damaged_memory_is_set_aside_and_replaced(body: bytes) -> None:
    """A monitor that stops at an unreadable memory would send no more notifications."""
    state = MemoryObjects()
    state.bodies[NAME] = body
    monitor = MonitorState(state)
    memory, generation = monitor.read_or_set_aside()
    assert memory == Memory()
    assert monitor.write(memory, generation)
    assert monitor.read_or_set_aside()[0] == Memory()
    assert [kept for name, kept in state.bodies.items() if name != NAME] == [body]


@DAMAGED
def test_damaged_claim_counts_as_expired(body: bytes) -> None:
    state = MemoryObjects()
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON)
    (name,) = state.bodies
    state.bodies[name] = body
    assert monitor.claim(ALERT, "team", NOON)
    assert not monitor.claim(ALERT, "team", NOON + timedelta(seconds=1))


def test_fast_clock_does_not_take_over_a_live_claim() -> None:
    """Two monitors whose clocks were six minutes apart sent one change twice."""
    state, minutes = MemoryObjects(), timedelta(minutes=3)
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON - minutes)
    assert not monitor.claim(ALERT, "team", NOON + minutes)
    state.now += LEASE
    assert monitor.claim(ALERT, "team", NOON + minutes)


def test_sent_change_cannot_be_claimed_after_the_lease() -> None:
    """A redelivery checked for the mark before it existed, and for the claim after its end."""
    state = MemoryObjects()
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON)
    monitor.note_sent(ALERT, "team")
    state.now += LEASE
    assert not monitor.claim(ALERT, "team", NOON + LEASE)


def test_released_change_can_be_claimed_at_once() -> None:
    monitor = MonitorState(MemoryObjects())
    assert monitor.claim(ALERT, "team", NOON)
    monitor.release(ALERT, "team", NOON)
    assert monitor.claim(ALERT, "team", NOON)


def test_incident_under_a_damaged_key_is_kept_under_its_own() -> None:
    """A flipped bit in a key raised a KeyError at each later watch."""
    watched = Watched(rules_file(broken={}))
    watched.ticks(2, wrong())
    stored = watched.memory.model_dump_json().replace('"broken/-":', '"brok{n/-":')
    assert list(Memory.model_validate_json(stored).incidents) == ["broken/-"]

"""Tests of the monitor's memory: damaged objects, claims and marks."""

from datetime import timedelta

import pytest

from tests.support.samples import NOON, SAMPLES
from tipoff_common.events import AlertChanged
from tipoff_common.testing import MemoryObjects
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import LEASE, NAME, MonitorState

DAMAGED = pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"incidents": 1}', b"\xff"])
ALERT = SAMPLES[AlertChanged]()


@DAMAGED
def test_a_damaged_memory_is_kept_aside_and_begun_anew(body: bytes) -> None:
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
def test_a_damaged_claim_is_over(body: bytes) -> None:
    state = MemoryObjects()
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON)
    (name,) = state.bodies
    state.bodies[name] = body
    assert monitor.claim(ALERT, "team", NOON)
    assert not monitor.claim(ALERT, "team", NOON + timedelta(seconds=1))


def test_a_clock_that_is_ahead_takes_no_message_from_a_sender_at_work() -> None:
    """Two monitors whose clocks were six minutes apart sent one change twice."""
    state, minutes = MemoryObjects(), timedelta(minutes=3)
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON - minutes)
    assert not monitor.claim(ALERT, "team", NOON + minutes)
    state.now += LEASE
    assert monitor.claim(ALERT, "team", NOON + minutes)


def test_what_was_sent_meanwhile_is_not_claimed() -> None:
    """A redelivery checked for the mark before it existed, and for the claim after its end."""
    state = MemoryObjects()
    monitor = MonitorState(state)
    assert monitor.claim(ALERT, "team", NOON)
    monitor.note_sent(ALERT, "team")
    state.now += LEASE
    assert not monitor.claim(ALERT, "team", NOON + LEASE)


def test_what_a_channel_did_not_take_is_claimed_at_once() -> None:
    monitor = MonitorState(MemoryObjects())
    assert monitor.claim(ALERT, "team", NOON)
    monitor.release(ALERT, "team", NOON)
    assert monitor.claim(ALERT, "team", NOON)

"""What the monitor remembers, when it cannot be read."""

from datetime import timedelta

import pytest

from tests.support.samples import NOON, SAMPLES
from tipoff_common.events import AlertChanged
from tipoff_common.testing import MemoryObjects
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import NAME, MonitorState

DAMAGED = pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"incidents": 1}', b"\xff"])
ALERT = SAMPLES[AlertChanged]()


@DAMAGED
def test_a_damaged_memory_is_kept_aside_and_begun_anew(body: bytes) -> None:
    """A monitor that reads no memory would tell people of nothing from then on."""
    state = MemoryObjects()
    state.bodies[NAME] = body
    monitor = MonitorState(state)
    memory, generation = monitor.read()
    assert memory == Memory()
    assert monitor.write(memory, generation)
    assert monitor.read()[0] == Memory()
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

"""The only module that reads the system clock; only the edge of a service and the command line import it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def _system_clock() -> datetime:
    return datetime.now(UTC)


_read: Clock = _system_clock


def wall_now() -> datetime:
    """Return the wall clock's instant, aware UTC."""
    return _read()


@contextmanager
def replaced_by(clock: Clock) -> Iterator[None]:
    """Let `wall_now` read another clock for the length of a block, in this whole process: a simulation's."""
    global _read  # one system has one clock, whoever reads it
    before, _read = _read, clock
    try:
        yield
    finally:
        _read = before

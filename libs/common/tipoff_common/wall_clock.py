"""The only module that reads the system clock; only the edge of a service and the command line import it."""

from datetime import UTC, datetime


def read_clock() -> datetime:
    """Read the system's clock. A simulation replaces this function, so that a process has one clock for all readers."""
    return datetime.now(UTC)


def wall_now() -> datetime:
    """Return the wall clock's instant, aware UTC."""
    return read_clock()

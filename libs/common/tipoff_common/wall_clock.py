"""The only module that reads the system clock; only the edge of a service and the command line import it."""

from datetime import UTC, datetime


def read_clock() -> datetime:
    """Read the system's clock. A simulation replaces this function: one process has one clock, whoever reads it."""
    return datetime.now(UTC)


def wall_now() -> datetime:
    """Return the wall clock's instant, aware UTC."""
    return read_clock()

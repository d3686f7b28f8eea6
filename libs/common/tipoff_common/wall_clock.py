"""The only module that reads the system clock; only the edge of a service and the command line import it."""

from collections.abc import Callable
from datetime import UTC, datetime

read_clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
"""The system's clock, which a simulation replaces: one process has one clock, whoever reads it."""


def wall_now() -> datetime:
    """Return the wall clock's instant, aware UTC."""
    return read_clock()

"""The clock, apart from all that reckons with time, so that it can be told who reads it: the edge, and nobody else."""

from datetime import UTC, datetime


def wall_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)

"""Warning that the dataset lacks the newest rows, so that answers from it may be out of date."""

from datetime import datetime, timedelta

from tipoff_cli.connection import Connection
from tipoff_cli.times import clock
from tipoff_planning.expectations import read_last_decision
from tipoff_planning.verdict import SILENT_AFTER

_LOOK = "see tipoff query heartbeats"


def stale_dataset(connection: Connection, now: datetime) -> str | None:
    """Say how old the newest decision in the dataset is when two evaluations are missing. Raises Unavailable."""
    # A replayed day has decisions of its own time.
    if connection.in_event_time:
        return None
    last = read_last_decision(connection.warehouse(), connection.environment, now)
    if last is None:
        return f"the dataset has no decision of the last two days, so this answer may be out of date; {_LOOK}"
    return describe_age(last, now)


def describe_age(last: datetime, now: datetime) -> str | None:
    """Say how old the newest decision is when two evaluations are missing after it."""
    if now - last <= SILENT_AFTER:
        return None
    at, minutes = clock(last, "%Y-%m-%d %H:%M"), (now - last) // timedelta(minutes=1)
    return (
        f"the dataset's newest decision is from {at}, {minutes} minutes ago: either evaluations stopped, or rows do"
        f" not arrive and this answer is out of date; {_LOOK}"
    )

"""Types for times of day, durations, dates and instants in YAML files.

YAML reads many times without quotes as numbers, and pydantic would read most numbers as a different time: 10:00 is 600
to YAML, which is ten minutes past midnight in seconds.
"""

import re
from datetime import date, time, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

from tipoff_common.faults import DATE, INSTANT

_DURATION = re.compile(r"^(?:(\d{1,4})h)?(?:(\d{1,4})m)?$")
_NUMBER = re.compile(r"^\s*[-+]?[\d_.]+(?:[eE][-+]?\d+)?\s*$")
_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


def _clock(value: object) -> time:
    if isinstance(value, time):
        return value
    # Only text: YAML reads 12:30 without quotes as the number 750; refuse that with the remedy.
    if isinstance(value, str) and _CLOCK.match(value):
        return time.fromisoformat(value)
    raise ValueError('not a time of day; write "HH:MM" in quotes, 24 hours')


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    # `and value`: both parts of the pattern are optional, so it matches an empty text.
    match = _DURATION.match(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("not a duration; write hours and minutes, such as 1h, 90m or 1h30m")
    hours, minutes = (int(part or 0) for part in match.groups())
    if not (hours or minutes):
        raise ValueError("a duration of zero; write at least 1m")
    return timedelta(hours=hours, minutes=minutes)


def _is_number(value: object) -> bool:
    """Return whether pydantic would read the value as seconds since 1970: a number, with or without quotes."""
    return isinstance(value, int | float) or (isinstance(value, str) and bool(_NUMBER.match(value)))


def _no_number_for_a_date(value: object) -> object:
    if _is_number(value):
        raise ValueError(DATE)
    return value


def _no_number_for_an_instant(value: object) -> object:
    if _is_number(value):
        raise ValueError(INSTANT)
    return value


ClockTime = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str)]
"""A time of day, "HH:MM"."""
Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]
"""Hours and minutes: 1h, 90m, 1h30m."""
WrittenDate = Annotated[date, BeforeValidator(_no_number_for_a_date, json_schema_input_type=date)]
"""A date, 2025-01-15."""
WrittenInstant = Annotated[
    AwareDatetime, BeforeValidator(_no_number_for_an_instant, json_schema_input_type=AwareDatetime)
]
"""An instant with its zone, 2025-01-15T10:00:00-05:00."""

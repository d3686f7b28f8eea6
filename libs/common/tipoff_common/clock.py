"""Instants and business days.

Instants are aware and UTC. The business day is a day in America/New_York; it is worked out once, at the edge,
and travels as `game_date` from there. Nothing here reads the clock.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, Field

EASTERN = ZoneInfo("America/New_York")


GameDate = Annotated[date, Field(ge=date(1946, 11, 1), le=date(2100, 1, 1))]
"""A date that data can be about, as people give it: the league's first day is 1946-11-01."""


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:  # year 1 east of Greenwich, year 9999 west of it
        raise ValueError("the instant is outside the years 1 to 9999 of UTC") from error


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware datetime, normalised to UTC; a naive one is refused."""


def business_date(instant: datetime) -> date:
    """The America/New_York date of an aware instant."""
    return instant.astimezone(EASTERN).date()


def eastern(day: date, at: time) -> datetime:
    """The UTC instant of a New York wall time.

    A time that is skipped in spring is read with the offset before the change, hence an hour later on the wall;
    a repeated one in autumn means its first occurrence (PEP 495, fold=0).
    """
    return datetime.combine(day, at, tzinfo=EASTERN).astimezone(UTC)


def floor_to(instant: datetime, minutes: int) -> datetime:
    """`instant` rounded down to a multiple of `minutes` since the epoch."""
    step = timedelta(minutes=minutes)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // step * step

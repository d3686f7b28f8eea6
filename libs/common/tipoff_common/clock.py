"""Instants and business days.

Instants are aware and UTC. The business day is a day in the fleet's zone, America/New_York unless TIPOFF_TIMEZONE names
another; it is computed once, at the edge, and passed on as `game_date`. Nothing here reads the clock.
"""

import os
import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, AwareDatetime, Field

EASTERN = ZoneInfo("America/New_York")
"""The zone of the league whose fleet ships with Tipoff, and of a fleet that names none."""
ZONE_VARIABLE = "TIPOFF_TIMEZONE"
CLOCKS_AGREE_WITHIN = timedelta(minutes=5)
"""How far the clocks of two processes may differ: events dated this close together may be simultaneous."""
_PLACES_OF = {
    "EST": "America/New_York, or America/Panama where clocks are not changed",
    "MST": "America/Denver, or America/Phoenix where clocks are not changed",
    "HST": "Pacific/Honolulu",
}
"""Abbreviations that IANA defines as fixed offsets, with the zones that their users mean."""
_OFFSET = re.compile(r"Etc/GMT[+-][1-9]\d?")


def read_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises ValueError, which suggests a name."""
    # A fixed offset would be right all winter, and an hour late all summer.
    if name in _PLACES_OF or _OFFSET.fullmatch(name):
        place = _PLACES_OF.get(name, "an IANA name of a place, such as America/New_York")
        raise ValueError(f"a fixed offset, without summer time; write {place}")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        # A lazy import: the function is needed for faults only.
        from tipoff_common.words import did_you_mean

        zones = available_timezones() - _PLACES_OF.keys()
        # Most people write the city alone.
        city = sorted(
            zone for zone in zones if zone.rpartition("/")[2].lower() == name.lower().replace(" ", "_")
        )
        suggestion = f"did you mean '{city[0]}'?" if city else did_you_mean(name, zones)
        remedy = suggestion or "use an IANA name such as America/New_York"
        raise ValueError(f"not a known zone; {remedy}") from error


ZoneKey = Annotated[str, AfterValidator(lambda name: read_zone(name).key)]
"""The IANA name of a zone in this machine's time zone database."""


@cache
def fleet_zone() -> ZoneInfo:
    """Return the zone of this process's fleet, for its days and for times shown to people.

    Raises:
        ConfigurationError: TIPOFF_TIMEZONE is not the name of a zone.
    """
    # Read from the environment, as one process serves one fleet: an argument would have to pass through every function
    # that formats a time.
    name = os.environ.get(ZONE_VARIABLE) or EASTERN.key
    try:
        return read_zone(name)
    except ValueError as error:
        # A lazy import: the module brings the YAML parser.
        from tipoff_common.yaml_source import ConfigurationError

        where = f"{ZONE_VARIABLE}, which `tipoff` takes from workflows.yaml unless it is set"
        raise ConfigurationError([f"{where}: '{name}' is {error}"]) from error


def zone_name(zone: ZoneInfo | None = None) -> str:
    """Return the name of a zone for people, the fleet's by default: New York for America/New_York."""
    return (zone or fleet_zone()).key.rpartition("/")[2].replace("_", " ")


def readable(instant: datetime, zone: ZoneInfo | None = None) -> str:
    """Format an instant for people in a zone, the fleet's by default, with the zone's abbreviation."""
    return f"{instant.astimezone(zone or fleet_zone()):%Y-%m-%d %H:%M %Z}"


def fleet_clock(instant: datetime, form: str = "%H:%M") -> str:
    """Format an instant in the fleet's zone, with its short name (EST or EDT) on a day that has two."""
    shown = instant.astimezone(fleet_zone())
    # The offsets of the day's two ends differ where clocks change in between.
    begins = datetime.combine(shown.date(), time(), fleet_zone())
    ends = datetime.combine(shown.date() + timedelta(days=1), time(), fleet_zone())
    twice = "%H" in form and begins.utcoffset() != ends.utcoffset()
    return f"{shown:{form} %Z}" if twice else f"{shown:{form}}"


_FIRST_DATE, _LAST_DATE = date(1946, 11, 1), date(2100, 1, 1)

GameDate = Annotated[
    date,
    Field(
        ge=_FIRST_DATE,
        le=_LAST_DATE,
        json_schema_extra={"formatMinimum": _FIRST_DATE.isoformat(), "formatMaximum": _LAST_DATE.isoformat()},
    ),
]
"""A business day, from the league's first day, 1946-11-01."""


def read_date(text: str) -> date:
    """Parse 2025-01-15 or 20250115, within the bounds of a GameDate. Raises ValueError with the remedy."""
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            found = datetime.strptime(text, form).date()  # noqa: DTZ007  # a date has no zone
        except ValueError:
            continue
        if not _FIRST_DATE <= found <= _LAST_DATE:
            raise ValueError(f"{found} is out of range; dates are from {_FIRST_DATE} to {_LAST_DATE}")
        return found
    raise ValueError(f"'{text}' is not a date; write 2025-01-15 or 20250115")


RELATIVE_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


def read_day(text: str, today: date) -> date:
    """Parse a date as `read_date` does, or yesterday, today or tomorrow relative to `today`. Raises ValueError."""
    if (offset := RELATIVE_DAYS.get(text.lower())) is not None:
        return today + timedelta(days=offset)
    try:
        return read_date(text)
    except ValueError as error:
        raise ValueError(f"{error}, or today, yesterday, tomorrow") from error


FIRST_INSTANT, LAST_INSTANT = (
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
)
"""The bounds of every instant. strftime writes a year before 1000 without leading zeros, and BigQuery and Python have
different minima and maxima: an instant outside the bounds could be written and then not be read."""


def to_utc(value: datetime) -> datetime:
    """Convert an aware instant to UTC. Raises ValueError for one outside FIRST_INSTANT to LAST_INSTANT."""
    # Converting datetime.min or datetime.max would overflow, hence the check of the year first.
    if FIRST_INSTANT.year - 1 <= value.year <= LAST_INSTANT.year + 1:
        converted = value.astimezone(UTC)
        if FIRST_INSTANT <= converted <= LAST_INSTANT:
            return converted
    raise ValueError(
        f"{value.isoformat()} is outside the years {FIRST_INSTANT.year} to {LAST_INSTANT.year} of UTC"
    )


Instant = Annotated[
    AwareDatetime,
    AfterValidator(to_utc),
    Field(
        json_schema_extra={
            "formatMinimum": FIRST_INSTANT.isoformat().replace("+00:00", "Z"),
            "formatMaximum": LAST_INSTANT.isoformat().replace("+00:00", "Z"),
        }
    ),
]
"""An aware datetime, normalised to UTC; a naive one, or one outside the bounds, is refused."""


_FIRST_EVENT_TIME, _LAST_EVENT_TIME = FIRST_INSTANT + timedelta(days=366), LAST_INSTANT - timedelta(days=366)


def _leaves_room(value: datetime) -> datetime:
    if not _FIRST_EVENT_TIME <= value <= _LAST_EVENT_TIME:
        raise ValueError(
            f"{value.isoformat()}: outside the replay days {_FIRST_EVENT_TIME:%Y-%m-%d} to {_LAST_EVENT_TIME:%Y-%m-%d}"
        )
    return value


EventTime = Annotated[Instant, AfterValidator(_leaves_room)]
"""The current instant of a replayed day. Instants derived from it, such as the day before and deadlines, have to be
within the bounds too, hence the distance of a year."""


def business_date(instant: datetime, zone: ZoneInfo | None = None) -> date:
    """Return the date of an aware instant in `zone`, the fleet's by default."""
    return instant.astimezone(zone or fleet_zone()).date()


def local_instant(day: date, at: time, zone: ZoneInfo | None = None) -> datetime:
    """Return the UTC instant of a wall time in `zone`, the fleet's by default.

    A time skipped in spring is read with the offset before the change, hence as an hour later; a time repeated in
    autumn means its first occurrence (PEP 495, fold=0).
    """
    return datetime.combine(day, at, tzinfo=zone or fleet_zone()).astimezone(UTC)


def floor_to(instant: datetime, minutes: int) -> datetime:
    """Round `instant` down to a multiple of `minutes` since the epoch."""
    step = timedelta(minutes=minutes)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // step * step

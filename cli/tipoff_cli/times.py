"""Dates and instants as people write and read them: in the fleet's zone, unless another is named."""

import re
from datetime import UTC, date, datetime, time, timedelta

import typer

from tipoff_common.wall_clock import wall_now

# Modules that need pydantic are imported where they are used, here and in `console`: every command imports these two
# modules, and --help must not wait for pydantic.
_EXAMPLE = 'write "2025-01-15 13:00" in the zone of the fleet, "today 13:00" or 2025-01-15T18:00Z'
_DAYS = re.compile(r"(\d{1,3})d(.*)")
_TIME_ALONE = re.compile(r"\d{2}:\d{2}(:\d{2})?")


def day(value: str) -> date:
    """Parse 2025-01-15, 20250115, today, yesterday or tomorrow. Raises BadParameter."""
    from tipoff_common.clock import business_date, read_day

    try:
        return read_day(value, business_date(wall_now()))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def instant(value: str) -> datetime:
    """Parse ISO 8601, or a day and a time in the fleet's zone; the zone's short name (EST or EDT) may follow. A day
    alone is its first instant, and a time alone is today's.

    `day` checks the bounds of the day. Raises BadParameter, also for a time that the clocks skip, and for a time that
    they show twice unless the short name is given: no reading is chosen silently.
    """
    from tipoff_common.clock import fleet_zone

    text, zone = _without_zone(value)
    wall = _wall_time(text, value)
    day(str(wall.date()))
    if wall.tzinfo:
        return wall
    readings = [wall.replace(tzinfo=fleet_zone(), fold=fold) for fold in (0, 1)]
    if zone:
        readings = [item for item in readings if item.tzname() == zone]
        if not readings:
            raise typer.BadParameter(
                f"'{value}': {zone_name()}'s clocks are not on {zone} then; leave {zone} out"
            )
    # Only a time that exists survives the conversion to UTC and back.
    there = [
        item
        for item in readings
        if item.astimezone(UTC).astimezone(fleet_zone()).replace(tzinfo=None) == wall
    ]
    if not there:
        step = timedelta(hours=1)
        raise typer.BadParameter(
            f"there is no {wall:%H:%M} on {wall:%Y-%m-%d} in {zone_name()}, whose clocks go forward;"
            f" write {wall - step:%H:%M} or {wall + step:%H:%M}"
        )
    if len({item.utcoffset() for item in there}) > 1:
        both = " or ".join(f'"{wall:%Y-%m-%d %H:%M} {item.tzname()}"' for item in there)
        raise typer.BadParameter(
            f"{wall:%H:%M} is twice on {wall:%Y-%m-%d} in {zone_name()}, whose clocks go back; write {both}"
        )
    return there[0].astimezone(UTC)


def zone_name() -> str:
    """Name the fleet's zone for people: New York for America/New_York."""
    from tipoff_common import clock

    return clock.zone_name()


def _without_zone(value: str) -> tuple[str, str]:
    """Split off a short name of the fleet's zone, such as EST or EDT; drop ET, which chooses neither of the two."""
    from tipoff_common.clock import fleet_zone

    text, _, zone = value.strip().rpartition(" ")
    names = {datetime(2025, month, 1, tzinfo=fleet_zone()).tzname() for month in (1, 7)}
    if zone.upper() == "ET" and "EST" in names:
        return text, ""
    return (text, zone.upper()) if zone.upper() in names else (value.strip(), "")


def _wall_time(text: str, value: str) -> datetime:
    from tipoff_common.clock import RELATIVE_DAYS

    first, _, rest = text.partition(" ")
    try:
        if first.lower() in RELATIVE_DAYS:
            return datetime.combine(day(first), time.fromisoformat(rest or "00:00"))
        if _TIME_ALONE.fullmatch(text):
            return datetime.combine(day("today"), time.fromisoformat(text))
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{value}' is not a valid time; {_EXAMPLE}") from error


def cadence(value: str | timedelta) -> timedelta:
    """Parse 15m, 1h or 2d; return an option's default unchanged. Raises BadParameter."""
    if isinstance(value, timedelta):
        return value
    from pydantic import TypeAdapter, ValidationError

    from tipoff_common.yaml_times import Duration

    adapter: TypeAdapter[timedelta] = TypeAdapter(Duration)
    # Only options accept days: in a configuration file, a schedule of days has the key `days`.
    days, rest = match.groups() if (match := _DAYS.fullmatch(value)) else (0, value)
    try:
        return timedelta(days=int(days)) + (
            adapter.validate_python(rest) if rest or not int(days) else timedelta()
        )
    except ValidationError as error:
        fault = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"'{value}': {fault}, or days such as 2d") from error


def clock(moment: datetime, form: str = "%H:%M") -> str:
    """Format an instant in the fleet's zone, with its short name (EST or EDT) on a day that has two."""
    from tipoff_common.clock import fleet_clock

    return fleet_clock(moment, form)

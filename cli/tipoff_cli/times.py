"""Dates and instants as people write and read them: New York's, unless another zone is named."""

from datetime import UTC, date, datetime, time, timedelta

import typer

from tipoff_common.wall_clock import wall_now

# Whatever needs pydantic is imported where it is used, here and in `console`: every command imports these two, and a
# command's --help must not wait for what only its answer needs.
_RELATIVE_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_EXAMPLE = 'write "2025-01-15 13:00" (New York), "today 13:00" or 2025-01-15T18:00Z'


def day(value: str) -> date:
    """Read 2025-01-15, 20250115, today, yesterday or tomorrow. Raises BadParameter."""
    from tipoff_common.clock import business_date, read_date

    if (offset := _RELATIVE_DAYS.get(value.lower())) is not None:
        return business_date(wall_now()) + timedelta(days=offset)
    try:
        return read_date(value)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or today, yesterday, tomorrow") from error


def instant(value: str) -> datetime:
    """Read ISO 8601, or a day and a time of New York's clocks, with EST or EDT where they show it twice.

    The day has the bounds of a date. Raises BadParameter, also for a time that the clocks skip and for one that they
    show twice: neither reading is taken silently.
    """
    from tipoff_common.clock import EASTERN

    text, zone = _without_zone(value)
    wall = _wall_time(text, value)
    day(str(wall.date()))
    if wall.tzinfo:
        return wall
    readings = [wall.replace(tzinfo=EASTERN, fold=fold) for fold in (0, 1)]
    if zone:
        readings = [item for item in readings if item.tzname() == zone]
        if not readings:
            raise typer.BadParameter(f"'{value}': New York's clocks are not on {zone} then; leave {zone} out")
    # A time that exists survives the way to UTC and back.
    there = [
        item for item in readings if item.astimezone(UTC).astimezone(EASTERN).replace(tzinfo=None) == wall
    ]
    if not there:
        step = timedelta(hours=1)
        raise typer.BadParameter(
            f"there is no {wall:%H:%M} on {wall:%Y-%m-%d} in New York, whose clocks go forward;"
            f" write {wall - step:%H:%M} or {wall + step:%H:%M}"
        )
    if len({item.utcoffset() for item in there}) > 1:
        both = " or ".join(f'"{wall:%Y-%m-%d %H:%M} {item.tzname()}"' for item in there)
        raise typer.BadParameter(
            f"{wall:%H:%M} is twice on {wall:%Y-%m-%d} in New York, whose clocks go back; write {both}"
        )
    return there[0].astimezone(UTC)


def _without_zone(value: str) -> tuple[str, str]:
    """Split off EST, EDT or ET; ET names the clocks that are meant anyway."""
    text, _, zone = value.strip().rpartition(" ")
    if zone.upper() in ("EST", "EDT", "ET"):
        return text, zone.upper().removesuffix("ET") and zone.upper()
    return value.strip(), ""


def _wall_time(text: str, value: str) -> datetime:
    first, _, rest = text.partition(" ")
    try:
        if first.lower() in _RELATIVE_DAYS:
            return datetime.combine(day(first), time.fromisoformat(rest or "00:00"))
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"'{value}' is no time; {_EXAMPLE}") from error


def cadence(value: str) -> timedelta:
    """Read 15m or 1h. Raises BadParameter."""
    from pydantic import TypeAdapter, ValidationError

    from tipoff_planning.schedules import Duration

    adapter: TypeAdapter[timedelta] = TypeAdapter(Duration)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"'{value}': {what}") from error


def clock(moment: datetime, form: str = "%H:%M") -> str:
    """Write an instant as New York's clocks show it, with EST or EDT on a day that has both."""
    from tipoff_common.clock import EASTERN

    shown = moment.astimezone(EASTERN)
    # The offsets of the day's two ends differ where clocks change in between.
    begins = datetime.combine(shown.date(), time(), EASTERN)
    ends = datetime.combine(shown.date() + timedelta(days=1), time(), EASTERN)
    twice = "%H" in form and begins.utcoffset() != ends.utcoffset()
    return f"{shown:{form} %Z}" if twice else f"{shown:{form}}"

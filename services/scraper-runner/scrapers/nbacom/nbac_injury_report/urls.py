"""The names of injury reports: pure functions of the date.

Before 2025-12-22 09:00 ET there is one report an hour, named by the hour and published at half past (`..._08AM`
bears 08:30 AM in its title). From then on there is one every quarter of an hour, named and titled exactly
(`..._03_30PM`). A wall time that daylight saving skips has no report; the one it repeats has one.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from tipoff_common.clock import EASTERN

BASE_URL = "https://ak-static.cms.nba.com/referee/injury/"
QUARTER_HOURS_FROM = datetime(2025, 12, 22, 9, tzinfo=EASTERN)

# Requests one scrape may spend on names: half a day of hourly ones.
MAX_CANDIDATES = 12

# How many of the newest are asked one by one; of the older only full hours are. With quarter-hour names
# that is two hours in full and four more by the hour, six hours in twelve requests. Once a day's first
# report is out the later ones follow without gaps, so a report older than that with nothing after it is not
# one to be had.
NEWEST_IN_FULL = 8


@dataclass(frozen=True)
class ReportName:
    """One report that can exist: its file name and the aware UTC instant its title bears."""

    file_name: str
    instant: datetime
    full_hour: bool

    @property
    def url(self) -> str:
        """Return the address of the edition."""
        return BASE_URL + self.file_name


def exact(day: date, hour: int, minute: int, period: str) -> ReportName:
    """Name the report of a clock time, `hour` 1 to 12.

    Raises:
        ValueError: there can be no such report.
    """
    wall = datetime.combine(day, time(hour % 12 + (12 if period == "PM" else 0), minute), tzinfo=EASTERN)
    hourly = wall < QUARTER_HOURS_FROM
    if hourly and minute:
        raise ValueError(f"minute {minute}: reports before 2025-12-22 09:00 ET are hourly; leave minute out")
    # Else the name of the hour after would be asked for.
    if not _exists(wall):
        raise ValueError(f"{wall:%Y-%m-%d %I:%M %p} ET is skipped by daylight saving; no report bears it")
    return _named(wall.replace(minute=30) if hourly else wall)


def reports_of(day: date) -> tuple[ReportName, ...]:
    """Name every report that `day` can have, oldest first."""
    walls = (
        datetime.combine(day, time(*divmod(minute, 60)), tzinfo=EASTERN) for minute in range(0, 24 * 60, 15)
    )
    return tuple(
        _named(wall) for wall in walls if _exists(wall) and (wall >= QUARTER_HOURS_FROM or wall.minute == 30)
    )


def candidates(day: date, as_of: datetime) -> tuple[ReportName, ...]:
    """Name the reports of `day` to ask for at `as_of` (aware), newest first, at most `MAX_CANDIDATES`.

    Nothing is asked for before the instant its title would bear.
    """
    # A title in the future cannot be out, and each name in vain costs a request.
    past = [report for report in reversed(reports_of(day)) if report.instant <= as_of]
    older = [report for report in past[NEWEST_IN_FULL:] if report.full_hour]
    return tuple(past[:NEWEST_IN_FULL] + older[: MAX_CANDIDATES - NEWEST_IN_FULL])


def _named(wall: datetime) -> ReportName:
    hourly = wall < QUARTER_HOURS_FROM
    clock = f"{wall:%I%p}" if hourly else f"{wall:%I_%M%p}"
    return ReportName(
        file_name=f"Injury-Report_{wall:%Y-%m-%d}_{clock}.pdf",
        instant=wall.astimezone(UTC),
        full_hour=hourly or wall.minute == 0,
    )


def _exists(wall: datetime) -> bool:
    """Tell whether clocks in New York show this time on this day (they skip an hour in spring)."""
    return wall.astimezone(UTC).astimezone(EASTERN).replace(tzinfo=None) == wall.replace(tzinfo=None)

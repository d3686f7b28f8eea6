"""The names of injury reports: pure functions of the date.

Before 2025-12-22 09:00 ET there is one report per hour, named by the hour and published at half past (`..._08AM` has
08:30 AM in its title). From then on there is one every quarter of an hour, named and titled exactly (`..._03_30PM`). A
wall time that daylight saving skips has no report; a repeated one has one report.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from tipoff_common.clock import EASTERN

BASE_URL = "https://ak-static.cms.nba.com/referee/injury/"
QUARTER_HOURS_FROM = datetime(2025, 12, 22, 9, tzinfo=EASTERN)

# Maximum requests of one scrape: half a day of hourly reports.
MAX_CANDIDATES = 12

# Number of newest names to request one by one; older names only at full hours. With quarter-hour names these are two
# hours in full and four more by the hour: six hours in twelve requests. After a day's first report the later ones
# follow without gaps, so no older report can be the newest one.
NEWEST_IN_FULL = 8


@dataclass(frozen=True)
class ReportName:
    """One possible report: its file name and the aware UTC instant of its title."""

    file_name: str
    instant: datetime
    full_hour: bool

    @property
    def url(self) -> str:
        """The report's address."""
        return BASE_URL + self.file_name


def exact(day: date, hour: int, minute: int, period: str) -> ReportName:
    """Return the report of a clock time, `hour` 1 to 12.

    Raises:
        ValueError: there can be no such report.
    """
    wall = datetime.combine(day, time(hour % 12 + (12 if period == "PM" else 0), minute), tzinfo=EASTERN)
    hourly = wall < QUARTER_HOURS_FROM
    if hourly and minute:
        raise ValueError(f"minute {minute}: reports before 2025-12-22 09:00 ET are hourly; leave minute out")
    # Otherwise the report of the next hour would be requested.
    if not _exists(wall):
        raise ValueError(
            f"{wall:%Y-%m-%d %I:%M %p} ET is skipped by daylight saving; no report has this time"
        )
    return _named(wall.replace(minute=30) if hourly else wall)


def reports_of(day: date) -> tuple[ReportName, ...]:
    """Return every report that `day` can have, oldest first."""
    walls = (
        datetime.combine(day, time(*divmod(minute, 60)), tzinfo=EASTERN) for minute in range(0, 24 * 60, 15)
    )
    return tuple(
        _named(wall) for wall in walls if _exists(wall) and (wall >= QUARTER_HOURS_FROM or wall.minute == 30)
    )


def candidates(day: date, as_of: datetime) -> tuple[ReportName, ...]:
    """Return the reports of `day` to request at `as_of` (aware), newest first, at most `MAX_CANDIDATES`.

    A report with a later instant in its title is not requested.
    """
    # A report with a future title cannot be out, and each missing name costs a request.
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
    """Return whether clocks in New York show this time on this day (they skip an hour in spring)."""
    return wall.astimezone(UTC).astimezone(EASTERN).replace(tzinfo=None) == wall.replace(tzinfo=None)

"""What fires when, as Cloud Scheduler fires it."""

from datetime import UTC, datetime, timedelta

import pytest

from tipoff_cli.checkout import ticks
from tipoff_common.events import Tick
from tipoff_dev.stack.scheduler import due_ticks

MIDNIGHT = datetime(2025, 1, 15, tzinfo=UTC)


def _minutes(day: datetime, tick: Tick) -> list[datetime]:
    minutes = (day + timedelta(minutes=number) for number in range(24 * 60))
    return [minute for minute in minutes if tick in {item.tick for item in due_ticks(minute, ticks())}]


@pytest.mark.parametrize("day", [MIDNIGHT, datetime(2025, 7, 1, tzinfo=UTC)])
def test_rows_are_archived_once_a_day_at_eight_utc(day: datetime) -> None:
    assert _minutes(day, Tick.ARCHIVE) == [day.replace(hour=8)]
    (tick,) = [item for item in due_ticks(day.replace(hour=8), ticks()) if item.tick is Tick.ARCHIVE]
    assert tick.cadence_minutes == 24 * 60


@pytest.mark.parametrize(("month", "hour"), [(1, 10), (7, 9)])
def test_the_schedule_is_locked_at_five_in_new_york_whatever_the_season(month: int, hour: int) -> None:
    """Five in the morning ran at ten (incident 13)."""
    day = MIDNIGHT.replace(month=month)
    assert _minutes(day, Tick.LOCK_SCHEDULE) == [day.replace(hour=hour)]


def test_evaluations_and_cleanups_come_each_quarter_of_an_hour() -> None:
    assert len(_minutes(MIDNIGHT, Tick.EVALUATE)) == len(_minutes(MIDNIGHT, Tick.CLEANUP)) == 96

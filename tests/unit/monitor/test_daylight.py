"""Tests of a deadline of 09:00 New York time on the days of clock changes: one alert after 09:00 local time."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.controller import World, at, configured, daily, slate, standing, status_of, workflow
from tests.unit.monitor.bench import TICK, Watched, book_of, rules_file
from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import AlertLevel, ScheduleLocked, WorkflowDecided
from tipoff_monitor.conditions import Condition, conditions_of_verdict
from tipoff_planning.expectations import DayExpectations, Expectation
from tipoff_planning.verdict import judge_day

NEW_YORK = ZoneInfo("America/New_York")
DAILY = configured(one=workflow(daily("05:00", "09:00"), "bulletin"))
BOOK = book_of(rules_file(workflow_missing={"query": None, "verdict": ["missing"]}))


def locked(day: date) -> list[ScheduleLocked]:
    """Return the schedule of a day as the controller locks it."""
    world = World(DAILY)
    world.land(slate(1, day), at("00:10", day))
    world.lock(day)
    return world.schedules


def expectations(schedules: list[ScheduleLocked], day: date, now: datetime) -> DayExpectations:
    """Return the dataset's expectations of a day without decisions."""
    nothing: list[WorkflowDecided] = []
    rows = tuple(
        Expectation(
            date=day,
            workflow_name=run.workflow_name,
            occurrence_id=run.occurrence_id,
            subject=run.subject,
            expected_run_time=run.expected_run_time,
            deadline=run.deadline,
            games_today=1,
            priority=run.priority.value,
            expected_reason=run.reason,
            actual_run_time=None,
            action=None,
            reason_code=None,
            actual_reason=None,
            executions=0,
            found=False,
            status=status_of(run, nothing, now),
            next_check_time=None,
        )
        for run in standing(schedules).values()
    )
    return DayExpectations(date=day, as_of=now, environment="prod", expectations=rows, last_decided_at=now)


def conditions(schedules: list[ScheduleLocked], day: date, now: datetime) -> tuple[Condition, ...]:
    verdict = judge_day(expectations(schedules, day, now))
    return tuple(conditions_of_verdict(verdict, BOOK, {"one": AlertLevel.CRITICAL}))


@pytest.mark.parametrize("day", [date(2025, 3, 9), date(2025, 11, 2), date(2025, 6, 1)])
def test_deadline_of_nine_is_local_time_and_alerts_once(day: date) -> None:
    """The days are those of both clock changes and an ordinary one."""
    schedules = locked(day)
    now = local_instant(day, time())
    watched = Watched(BOOK.file, now=now - TICK)
    result: list[datetime] = []
    while business_date(now) == day:
        result += [now] * len(watched.tick(*conditions(schedules, day, now)))
        now += TICK
    assert [it.astimezone(NEW_YORK).replace(tzinfo=None) for it in result] == [
        datetime.combine(day, time(9)) + timedelta(minutes=5)
    ], "the first watch after 09:00"


def test_summary_keeps_the_case_of_a_leading_name() -> None:
    """A name was capitalized, and no command accepted it."""
    day = date(2025, 6, 1)
    (found, *_) = conditions(locked(day), day, local_instant(day, time(10)))
    assert found.summary.startswith("one did not run at ")

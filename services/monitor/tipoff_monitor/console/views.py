"""The pages there are: address, model, and how each is built from the newest snapshots."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Generic, TypeVar

from fastapi import HTTPException

from tipoff_common.clock import business_date, read_date
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.pages.page import Page, data_age
from tipoff_monitor.console.pages.timeline import axis_of, bars, lanes, marks
from tipoff_monitor.console.pages.today import TodayPage, judge, rows_of, upcoming
from tipoff_monitor.handlers import LOCKED_BY
from tipoff_monitor.views import watching
from tipoff_planning.expectations import DayExpectations, Expectation

P = TypeVar("P", bound=Page)
Given = Mapping[str, str]
_BACK = timedelta(days=90)
_AHEAD = timedelta(days=14)
"""Rows are kept for 90 days and schedules locked a day ahead: beyond these nothing need be asked."""


@dataclass(frozen=True)
class View(Generic[P]):
    """One page. build: from what the address gives, waiting so many seconds for data that is missing."""

    name: str
    section: str
    path: str
    json_path: str
    model: type[P]
    build: Callable[[ConsoleDeps, Given, float], P]
    drawing: Callable[[P], Mapping[str, Any]] = field(default=lambda _: {})


def _day_of(given: Given, today: date) -> date:
    """Return the day that an address names, today without one; 404 for what is no day."""
    text = given.get("date", "")
    if not text:
        return today
    try:
        return read_date(text)
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


def build_today(deps: ConsoleDeps, given: Given, wait: float) -> TodayPage:
    """Build the page of a day."""
    now = deps.now()
    today = business_date(now)
    day = _day_of(given, today)
    sources = []
    expected: DayExpectations | None = DayExpectations(
        date=day, as_of=now, environment=deps.environment, expectations=()
    )
    if today - _BACK <= day <= today + _AHEAD:
        snapshot = deps.snapshots.get(deps.sources.day(day, now), wait)
        sources.append(data_age("the day", snapshot, now))
        expected = snapshot.value
    fleet = deps.snapshots.get(deps.sources.fleet(), wait if wait > 1 else 0)
    memory = deps.snapshots.get(deps.sources.memory(), max(wait, 1.0))
    names = deps.snapshots.get(deps.sources.game_names(), wait).value or {}
    sources += [data_age("the scrapers' health", fleet, now), data_age("the alerts", memory, now)]
    health = fleet.value.health if fleet.value else ()
    alerts = watching(memory.value, now, everything=False).incidents if memory.value else ()
    verdict = judge(expected, now, names, LOCKED_BY) if expected else None
    rows = rows_of(expected, verdict) if expected and verdict else ()
    beyond = not today - _BACK <= day <= today + _AHEAD
    headline = "is too far off: nothing is kept or planned for it" if beyond else "is not known yet"
    return TodayPage(
        title="Today" if day == today else f"{day:%a %d %b %Y}",
        environment=deps.environment,
        as_of=now,
        sources=tuple(sources),
        date=day,
        is_today=day == today,
        color=verdict.color if verdict and not beyond else None,
        headline=verdict.headline if verdict and not beyond else headline,
        day_faults=verdict.faults if verdict and not beyond else (),
        rows=rows,
        upcoming=upcoming(rows, names, now) if day >= today else (),
        sick=tuple(item for item in health if not item.is_well) if day == today else (),
        alerts=alerts,
        game_names={
            row.subject: names[row.subject]
            for row in (expected.expectations if expected else ())
            if row.subject and row.subject in names
        },
    )


def outcome(row: Expectation) -> str:
    """Return what came of an occurrence, as the drawing fills it."""
    if row.found:
        return "found"
    if any(step.units_failed for step in row.steps):
        return "failed"
    if row.executions:
        return "empty"
    return "asked" if row.actual_run_time else "absent"


def draw_today(page: TodayPage) -> Mapping[str, Any]:
    """Return the timeline's geometry."""
    axis = axis_of(page.date, [item for row in page.rows for item in row.occurrences])
    drawn = []
    for row in page.rows:
        placed = bars(axis, row.occurrences)
        drawn.append((row, placed, 4 + 11 * lanes(placed)))
    return {
        "drawn": drawn,
        "hours": marks(axis),
        "now_at": axis.share(page.as_of) if axis.start <= page.as_of <= axis.end else None,
        "outcome": outcome,
        "before": page.date - timedelta(days=1),
        "after": page.date + timedelta(days=1),
    }


VIEWS: tuple[View[Any], ...] = (
    View("today", "Today", "/", "/today.json", TodayPage, build_today, draw_today),
)

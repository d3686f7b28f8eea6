"""The list of pages: the address, model, builder and drawing of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from tipoff_common.clock import business_date
from tipoff_monitor.console import build
from tipoff_monitor.console.deps import ConsoleDeps
from tipoff_monitor.console.pages.operations import (
    AlertsPage,
    ConfigurationPage,
    DeadLettersPage,
    FilesPage,
    SimulationPage,
)
from tipoff_monitor.console.pages.page import Page
from tipoff_monitor.console.pages.run import RunPage, waterfall
from tipoff_monitor.console.pages.scrapers import (
    ScraperPage,
    ScrapersPage,
    columns_of_runs,
    columns_of_seconds,
    volume,
    window,
)
from tipoff_monitor.console.pages.timeline import axis_of, bars, lanes, marks
from tipoff_monitor.console.pages.today import TodayPage
from tipoff_monitor.console.pages.workflow import WorkflowPage, cells, learned_curve
from tipoff_monitor.console.snapshots import Patience
from tipoff_planning.expectations import Expectation

P = TypeVar("P", bound=Page)
_LANE, _MARGIN = 11, 4
"""Pixels of one lane of bars, and of the margin above the first lane."""


@dataclass(frozen=True)
class View(Generic[P]):
    """One page."""

    name: str
    section: str
    path: str
    model: type[P]
    build: Callable[[ConsoleDeps, Mapping[str, str], Patience], P]
    """Builds the page's model from the parameters of the address."""
    drawing: Callable[[P], Mapping[str, Any]] = field(default=lambda _: {})
    """Computes additional variables of the template."""

    @property
    def json_path(self) -> str:
        """The address of the page's twin for programs."""
        return "/today.json" if self.path == "/" else f"{self.path}.json"


def outcome(row: Expectation) -> str:
    """Return the result of an occurrence, which selects the fill of its bar."""
    if row.found:
        return "found"
    # A failure takes precedence over "not published yet": the step that needs a person determines the color.
    if any(step.units_failed for step in row.steps):
        return "failed"
    if row.executions:
        return "empty"
    return "asked" if row.actual_run_time else "absent"


def draw_today(page: TodayPage) -> Mapping[str, Any]:
    """Return the timeline's geometry."""
    # One axis for all rows, so that simultaneous runs are aligned.
    axis = axis_of(page.date, [item for row in page.rows for item in row.occurrences])
    drawn = []
    for row in page.rows:
        placed = bars(axis, row.occurrences)
        drawn.append((row, placed, _MARGIN + _LANE * lanes(placed)))
    return {
        "drawn": drawn,
        "hours": marks(axis),
        # `share` clamps to the edge, where the line of the present time would mislead on another day.
        "now_at": axis.share(page.as_of) if axis.start <= page.as_of <= axis.end else None,
        "outcome": outcome,
        "before": page.date - timedelta(days=1),
        "after": page.date + timedelta(days=1),
    }


def draw_workflow(page: WorkflowPage) -> Mapping[str, Any]:
    """Return the window's and the calendar's geometry."""
    rows = page.today.occurrences if page.today else ()
    today = business_date(page.as_of)
    # Without rows the axis is the bare day, so that the page keeps its shape before the first reading.
    axis = axis_of(today, rows)
    placed = bars(axis, rows)
    grid = cells(page.calendar, today)
    return {
        "placed": placed,
        "height": _MARGIN + _LANE * lanes(placed),
        "hours": marks(axis),
        "now_at": axis.share(page.as_of),
        "outcome": outcome,
        "grid": grid,
        "weeks": max(cell.column for cell in grid) + 1,
        "curve": learned_curve(page.discovery, page.as_of) if page.discovery else None,
    }


def draw_scraper(page: ScraperPage) -> Mapping[str, Any]:
    """Return the charts' geometry."""
    today = business_date(page.as_of)
    return {
        "first_day": window(today),
        "runs": columns_of_runs(page.days, today),
        "seconds": columns_of_seconds(page.days, today),
        "volume": volume(page.days, today, page.at_least, page.at_most),
    }


def draw_run(page: RunPage) -> Mapping[str, Any]:
    """Return the waterfall's geometry."""
    return {"steps": waterfall(page.links)}


# The navigation highlights a page's section. The page of a run has none: every other page links to it by an id.
VIEWS: tuple[View[Any], ...] = (
    View("today", "Today", "/", TodayPage, build.build_today, draw_today),
    View("workflow", "Today", "/workflows/{name}", WorkflowPage, build.build_workflow, draw_workflow),
    View("scrapers", "Scrapers", "/scrapers", ScrapersPage, build.build_scrapers),
    View("scraper", "Scrapers", "/scrapers/{name}", ScraperPage, build.build_scraper, draw_scraper),
    View("run", "", "/run", RunPage, build.build_run, draw_run),
    View("alerts", "Alerts", "/alerts", AlertsPage, build.build_alerts),
    View("files", "Files", "/files", FilesPage, build.build_files),
    View("dead_letters", "Dead letters", "/dead-letters", DeadLettersPage, build.build_dead_letters),
    View("configuration", "Configuration", "/configuration", ConfigurationPage, build.build_configuration),
    View("simulation", "Simulation", "/simulation", SimulationPage, build.build_simulation),
)

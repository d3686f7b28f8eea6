"""The pages of all scrapers and of one: runs, durations and volume over time, drift, and commands to reproduce."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import Field

from tipoff_common.execution_row import ExecutionRow
from tipoff_monitor.console.facts import ScraperDay, ScraperHealth
from tipoff_monitor.console.pages.page import Page
from tipoff_planning.frozen import Frozen

DAYS = 90
_STATUSES = ("successes", "no_data", "failures")


class ScraperLine(Frozen):
    """One scraper of the list."""

    name: str
    source: str
    health: ScraperHealth | None = Field(description="null without a run in the last thirty days")


class ScrapersPage(Page):
    """Every scraper of the catalogue, worst first."""

    scrapers: tuple[ScraperLine, ...]


class ScraperPage(Page):
    """One scraper."""

    scraper: str
    description: str
    source: str
    not_published: str = Field(description="how its source reports 'not yet'")
    timeout_seconds: float
    at_least: int = Field(description="fewest records that a success may have")
    at_most: int = Field(description="most records that a success may have")
    workflows: tuple[str, ...] = Field(description="workflows that run the scraper")
    health: ScraperHealth | None
    days: tuple[ScraperDay, ...] = Field(description="the newest first")
    executions: tuple[ExecutionRow, ...] = Field(description="the newest first")
    last_payload: str | None = Field(description="the newest file that it wrote")
    last_drift: ExecutionRow | None = Field(description="the newest success with unknown fields")
    reproduce: str = Field(description="the command that repeats its last run")
    reparse: str = Field(description="the command that parses its last payload again")


def ordered(lines: Sequence[ScraperLine]) -> tuple[ScraperLine, ...]:
    """Sort scrapers: the sick first, then those without a run, then the others, each group by name."""

    def rank(line: ScraperLine) -> int:
        # Between sick and well: a scraper that never ran may be broken or merely out of season.
        if line.health is None:
            return 1
        return 2 if line.health.is_well else 0

    return tuple(sorted(lines, key=lambda line: (rank(line), line.name)))


@dataclass(frozen=True)
class Column:
    """One day of a chart."""

    day: date
    left: float
    parts: tuple[tuple[str, float, float], ...]
    """(kind, top, height), shares of the chart's height from its top."""
    text: str


def columns_of_runs(days: Sequence[ScraperDay], today: date) -> list[Column]:
    """Stack each day's runs by status."""
    # All days share one scale, or a quiet day would look like a busy one.
    most = max((item.runs for item in days), default=1)

    def draw(item: ScraperDay) -> tuple[tuple[str, float, float], ...]:
        parts, top = [], 1.0
        # From the bottom up: finds are at the axis, where their height is comparable from day to day.
        for kind in _STATUSES:
            height = getattr(item, kind) / most
            top -= height
            if height:
                parts.append((kind, top, height))
        return tuple(parts)

    return [
        Column(
            item.day,
            _left(item.day, today),
            draw(item),
            f"{item.day:%d %b}: {item.successes} found, {item.no_data} not yet, {item.failures} failed",
        )
        for item in days
    ]


def columns_of_seconds(days: Sequence[ScraperDay], today: date) -> list[Column]:
    """Draw each day's median duration."""
    timed = [(item, item.median_seconds) for item in days if item.median_seconds is not None]
    # Avoid a division by zero: all durations can be 0, since a fake answers at once.
    most = max((seconds for _, seconds in timed), default=0) or 1.0
    return [
        Column(
            item.day,
            _left(item.day, today),
            (("seconds", 1 - seconds / most, seconds / most),),
            f"{item.day:%d %b}: {seconds:.1f} s",
        )
        for item, seconds in timed
    ]


@dataclass(frozen=True)
class Volume:
    """Records per success over time."""

    columns: tuple[Column, ...]
    top: float
    low: float | None
    """Position of the lower asserted bound; None outside the drawing."""
    high: float | None
    """Position of the upper bound; None outside the drawing."""


def volume(days: Sequence[ScraperDay], today: date, at_least: int, at_most: int) -> Volume:
    """Draw each day's median of records against the asserted bounds."""
    # A day without a success has no volume, which differs from a volume of zero.
    counted = [(item, item.records) for item in days if item.records is not None]
    most = max((records for _, records in counted), default=0.0)
    # A bound far above all values would flatten the chart, so the page gives such a bound in words only.
    top = max(most, at_least) * 1.15
    # Draw a bound that is near, to show how close the source comes to it.
    if at_most <= top * 1.5:
        top = max(top, at_most * 1.05)
    columns = tuple(
        Column(
            item.day,
            _left(item.day, today),
            (
                (
                    "records" if at_least <= records <= at_most else "outside",
                    1 - records / top,
                    records / top,
                ),
            ),
            f"{item.day:%d %b}: {records:g} records",
        )
        for item, records in counted
    )
    return Volume(columns, top, 1 - at_least / top, 1 - at_most / top if at_most <= top else None)


def _left(day: date, today: date) -> float:
    return 1 - ((today - day).days + 1) / DAYS


def window(today: date) -> date:
    """Return the first day of the charts."""
    return today - timedelta(days=DAYS - 1)

"""The page of one workflow: its decisions with their reasons, today's attempts in their window, the last 90 days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_monitor.console.facts import DecisionRow, StandingPauseRow, WorkflowDay
from tipoff_monitor.console.pages.page import Page
from tipoff_monitor.console.pages.timeline import Axis, Mark, marks
from tipoff_monitor.console.pages.today import WorkflowLine
from tipoff_planning.discovery.report import DiscoveryReport
from tipoff_planning.explanation import Explanation, RunCondition
from tipoff_planning.frozen import Frozen

CALENDAR_DAYS = 90
_WEEK = 7


class ShownDecision(Frozen):
    """The decision of an evaluation at this moment."""

    subject: str
    action: str
    reason_code: str
    reason: str
    next_check: Instant | None
    conditions: tuple[RunCondition, ...]


class WorkflowPage(Page):
    """One workflow."""

    workflow: str
    description: str
    priority: str
    schedule: str = Field(description="kind of its schedule")
    steps: tuple[str, ...] = Field(description="its scrapers")
    today: WorkflowLine | None = Field(
        description="today's occurrences; null when none are expected or the day was not read"
    )
    conditions: tuple[RunCondition, ...] = Field(
        description="conditions of the whole workflow, as in `tipoff explain`"
    )
    decisions_now: tuple[ShownDecision, ...] = Field(description="decisions of an evaluation at as_of")
    pause: StandingPauseRow | None = Field(description="current pause of the workflow; null without one")
    decisions: tuple[DecisionRow, ...] = Field(description="past decisions, the newest first")
    calendar: tuple[WorkflowDay, ...] = Field(description="results by day, the newest first")
    discovery: DiscoveryReport | None = Field(
        description="learned publication times and today's checks; null when unknown"
    )
    game_names: Mapping[str, str]


def decisions_now(explanation: Explanation, names: Mapping[str, str]) -> tuple[ShownDecision, ...]:
    """Convert the planning core's present decisions, with their conditions, to their form on the page."""
    return tuple(
        ShownDecision(
            subject=names.get(decision.occurrence.subject, decision.occurrence.subject),
            action=decision.action.value,
            reason_code=decision.code.value,
            reason=decision.sentence,
            next_check=decision.next_check,
            conditions=conditions,
        )
        for decision, conditions in explanation.decisions
    )


@dataclass(frozen=True)
class Cell:
    """A day of the calendar: its position in the grid, and its result."""

    day: date
    column: int
    row: int
    result: str
    text: str


def cells(days: Sequence[WorkflowDay], today: date) -> list[Cell]:
    """Return the last ninety days as a grid with a column per week from Monday on; today is in the last column."""
    known = {item.day: item for item in days}
    first = today - timedelta(days=CALENDAR_DAYS - 1)
    # From a Monday, so that each row of the grid is one day of the week.
    start = first - timedelta(days=first.weekday())
    found = []
    for offset in range((today - start).days + 1):
        day = start + timedelta(days=offset)
        # The first week is cut, not moved: its days keep the rows of their weekdays.
        if day >= first:
            item = known.get(day)
            found.append(Cell(day, offset // _WEEK, day.weekday(), result_of(item), _day_title(day, item)))
    return found


def result_of(day: WorkflowDay | None) -> str:
    """Return the result of a day in one word; the worst result takes precedence."""
    # A day without games is no gap in the service, while an empty cell would look like a gap.
    if day is None or day.expected == 0:
        return "nothing"
    # A missed occurrence outweighs everything that was found.
    if day.missed:
        return "missed"
    # Failures before a find are normal for a search; the page lists them below.
    if day.found:
        return "found"
    if day.failed:
        return "failed"
    return "empty" if day.ran else "skipped"


def _day_title(day: date, item: WorkflowDay | None) -> str:
    if item is None:
        return f"{day:%a %d %b}: nothing was expected"
    parts = [f"{item.expected} expected", f"{item.ran} ran", f"{item.found} found"]
    parts += [f"{item.failed} failed"] if item.failed else []
    parts += [f"{item.missed} missed"] if item.missed else []
    return f"{day:%a %d %b}: {', '.join(parts)}"


OBSERVED_DAYS = 40
"""Days below the curve, which include the days with the most weight in the fit."""


@dataclass(frozen=True)
class CurveBar:
    """One bin of the learned distribution: its position, and its height as a share of the highest bin."""

    left: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class ObservedSpan:
    """A past day: the span between the two checks in which the document appeared."""

    left: float
    width: float
    """0 for a day without an appearance."""
    text: str


@dataclass(frozen=True)
class CheckMark:
    """One of today's checks."""

    at: datetime
    left: float
    state: str
    word: str
    likely: float | None


@dataclass(frozen=True)
class LearnedCurve:
    """The drawing of a search's learned distribution over its window."""

    bars: tuple[CurveBar, ...]
    days: tuple[ObservedSpan, ...]
    checks: tuple[CheckMark, ...]
    hours: tuple[Mark, ...]
    now_at: float | None
    headline: str


def learned_curve(report: DiscoveryReport, now: datetime) -> LearnedCurve:
    """Place the curve, the days behind it and the day's checks over the window."""
    axis = Axis(report.opens, report.closes)
    # The highest bar fills the height: the drawing is about the time, which a flat curve would hide.
    most = max((item.probability for item in report.curve), default=0.0) or 1.0
    minutes = (report.closes - report.opens).total_seconds() / 60
    return LearnedCurve(
        bars=tuple(
            CurveBar(
                axis.share(item.starts),
                axis.share(item.ends) - axis.share(item.starts),
                item.probability / most,
                f"{item.probability:.1%} of days, {item.published_by:.0%} by then",
            )
            for item in report.curve
        ),
        days=tuple(
            _span(item.after_minute, item.before_minute, minutes, item.game_date)
            # The newest day next to the curve, where a change of the source's time is seen first.
            for item in reversed(report.days[-OBSERVED_DAYS:])
        ),
        checks=tuple(
            CheckMark(item.at, axis.share(item.at), item.state.value, item.state.label, item.probability)
            for item in report.checks
        ),
        hours=tuple(marks(axis)),
        now_at=axis.share(now) if axis.start <= now <= axis.end else None,
        headline=_headline(report),
    )


def _span(after: float | None, before: float | None, minutes: float, day: date) -> ObservedSpan:
    if before is None:
        return ObservedSpan(0, 0, f"{day:%a %d %b}: not seen in the window")
    # Without an earlier check the document may have appeared before the window opened. Two checks may be a minute
    # apart, so a span has a visible minimum width.
    left = min(max(after or 0.0, 0.0) / minutes, 1.0)
    right = min(max(before, 0.0) / minutes, 1.0)
    return ObservedSpan(min(left, 0.995), max(right - left, 0.005), f"{day:%a %d %b}")


def _headline(report: DiscoveryReport) -> str:
    plan = report.plan
    expected = (
        f" Expected: found {plan.expected_delay_minutes:g} min after publication, with"
        f" {plan.expected_checks:.1f} checks."
        if plan.learned and plan.expected_delay_minutes is not None and plan.expected_checks is not None
        else ""
    )
    return f"Discovery: {report.headline}.{expected}"

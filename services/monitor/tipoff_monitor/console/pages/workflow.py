"""One workflow: what is decided and why, its attempts against the window, its last ninety days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_monitor.console.facts import DecisionRow, WorkflowDay
from tipoff_monitor.console.pages.page import Page, Shown
from tipoff_monitor.console.pages.today import WorkflowLine
from tipoff_planning.explanation import Explanation, RunCondition

CALENDAR_DAYS = 90
_WEEK = 7


class ShownCondition(Shown):
    """Something that has to hold for a run, and how it stands."""

    name: str
    met: bool
    detail: str


class ShownDecision(Shown):
    """What would be decided now."""

    subject: str
    action: str
    reason_code: str
    reason: str
    next_check: Instant | None
    conditions: tuple[ShownCondition, ...]


class WorkflowPage(Page):
    """One workflow."""

    workflow: str
    description: str
    priority: str
    schedule: str = Field(description="kind of its schedule")
    steps: tuple[str, ...] = Field(description="its scrapers")
    today: WorkflowLine | None = Field(
        description="what became of it today, null when nothing is expected or known"
    )
    conditions: tuple[ShownCondition, ...] = Field(
        description="those of the whole workflow, as `tipoff explain` says"
    )
    decisions_now: tuple[ShownDecision, ...] = Field(description="what would be decided at as_of")
    decisions: tuple[DecisionRow, ...] = Field(description="what was decided, the newest first")
    calendar: tuple[WorkflowDay, ...] = Field(description="what became of it, day by day, the newest first")
    game_names: Mapping[str, str]


def shown(conditions: Sequence[RunCondition]) -> tuple[ShownCondition, ...]:
    """Return conditions as a page has them."""
    return tuple(ShownCondition(name=it.name, met=it.met, detail=it.detail) for it in conditions)


def decisions_now(explanation: Explanation, names: Mapping[str, str]) -> tuple[ShownDecision, ...]:
    """Return what the planning core would decide, with each condition."""
    return tuple(
        ShownDecision(
            subject=names.get(decision.occurrence.subject, decision.occurrence.subject),
            action=decision.action.value,
            reason_code=decision.code.value,
            reason=decision.sentence,
            next_check=decision.next_check,
            conditions=shown(conditions),
        )
        for decision, conditions in explanation.decisions
    )


@dataclass(frozen=True)
class Cell:
    """A day of the calendar: where it stands in the grid, and what became of it."""

    day: date
    column: int
    row: int
    result: str
    text: str


def cells(days: Sequence[WorkflowDay], today: date) -> list[Cell]:
    """Return the last ninety days as a grid, a column a week from Monday on, today in the last."""
    known = {item.day: item for item in days}
    first = today - timedelta(days=CALENDAR_DAYS - 1)
    # From a Monday, so that each row of the grid is one day of the week.
    start = first - timedelta(days=first.weekday())
    found = []
    for offset in range((today - start).days + 1):
        day = start + timedelta(days=offset)
        if day >= first:
            item = known.get(day)
            found.append(Cell(day, offset // _WEEK, day.weekday(), result_of(item), _told(day, item)))
    return found


def result_of(day: WorkflowDay | None) -> str:
    """Return what a day came to in one word, the worst first."""
    if day is None or day.expected == 0:
        return "nothing"
    # A day on which something was missed is not all right, whatever else was found.
    if day.missed:
        return "missed"
    if day.found:
        return "found"
    if day.failed:
        return "failed"
    return "empty" if day.ran else "skipped"


def _told(day: date, item: WorkflowDay | None) -> str:
    if item is None:
        return f"{day:%a %d %b}: nothing was expected"
    parts = [f"{item.expected} expected", f"{item.ran} ran", f"{item.found} found"]
    parts += [f"{item.failed} failed"] if item.failed else []
    parts += [f"{item.missed} missed"] if item.missed else []
    return f"{day:%a %d %b}: {', '.join(parts)}"

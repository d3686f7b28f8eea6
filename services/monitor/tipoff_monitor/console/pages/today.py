"""The page of today or another day: the verdict, the timeline, sick scrapers, upcoming runs."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import groupby

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_monitor.console.facts import ScraperHealth, StandingPauseRow
from tipoff_monitor.console.pages.page import Page
from tipoff_planning.alerts import Incident
from tipoff_planning.expectations import WHOLE_DAY, DayExpectations, Expectation
from tipoff_planning.frozen import Frozen
from tipoff_planning.verdict import Color, DayVerdict, Fault

_PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
# As many as fit beside the timeline without scrolling.
_UPCOMING = 12
_OPEN = ("PENDING", "MISSING", "PAUSED")


class WorkflowLine(Frozen):
    """One workflow of the day, in an order that does not depend on its result, so that rows do not jump."""

    workflow: str
    priority: str
    color: Color
    sentence: str = Field(description="the workflow's verdict, as in `tipoff status`")
    why: str | None = Field(description="the controller's reason for due occurrences that did not run")
    next_check: Instant | None
    statuses: Mapping[str, int] = Field(description="occurrences by status")
    occurrences: tuple[Expectation, ...] = Field(description="in the order of time")


class Upcoming(Frozen):
    """The next event of a workflow."""

    at: Instant
    workflow: str
    subjects: tuple[str, ...] = Field(description="games by name; empty for the whole day")
    what: str


class TodayPage(Page):
    """A business day."""

    date: date
    is_today: bool
    color: Color | None = Field(description="null while the day has not been read")
    headline: str
    day_faults: tuple[Fault, ...] = Field(description="faults of the whole day, worst first")
    rows: tuple[WorkflowLine, ...] = Field(description="by priority, then by name")
    upcoming: tuple[Upcoming, ...]
    sick: tuple[ScraperHealth, ...] = Field(description="scrapers as in `tipoff sick`, worst first")
    alerts: tuple[Incident, ...] = Field(description="open incidents")
    pauses: Mapping[str, StandingPauseRow] = Field(description="current pauses by workflow")
    game_names: Mapping[str, str] = Field(description="names of the day's games, by id")


def rows_of(day: DayExpectations, verdict: DayVerdict) -> tuple[WorkflowLine, ...]:
    """Return a row for each workflow."""
    by_name = {item.workflow: item for item in verdict.workflows}
    # `groupby` joins neighbours only.
    ordered = sorted(day.expectations, key=lambda row: row.workflow_name)
    found = []
    for name, group in groupby(ordered, key=lambda row: row.workflow_name):
        own = tuple(sorted(group, key=lambda row: (row.expected_run_time, row.occurrence_id)))
        item = by_name[name]
        found.append(
            WorkflowLine(
                workflow=name,
                priority=item.priority,
                color=item.color,
                sentence=item.sentence,
                why=reason_not_run(own, day.as_of),
                next_check=item.next_check,
                statuses=item.statuses,
                occurrences=own,
            )
        )
    # An unknown priority of a newer version sorts last.
    rank = {name: number for number, name in enumerate(_PRIORITIES)}
    return tuple(sorted(found, key=lambda row: (rank.get(row.priority, len(rank)), row.workflow)))


def reason_not_run(rows: Sequence[Expectation], as_of: datetime) -> str | None:
    """Return the controller's newest reason for due occurrences that did not run; None when there are none."""
    due = [row for row in rows if row.status in _OPEN and row.expected_run_time <= as_of]
    # The newest row with a reason: the reason of an older slot is out of date.
    for row in reversed(due):
        if row.actual_reason:
            return row.actual_reason
    return "No decision is known." if due else None


def upcoming(rows: Sequence[WorkflowLine], names: Mapping[str, str], as_of: datetime) -> tuple[Upcoming, ...]:
    """Return the next expected occurrences of each workflow and its next check before them, the earliest first."""
    found: list[Upcoming] = []
    for row in rows:
        ahead = [
            item
            for item in row.occurrences
            if item.expected_run_time > as_of and item.status not in ("CANCELLED", "PAUSED")
        ]
        # Games of one night often tip off together: show one line for all of them.
        first = min((item.expected_run_time for item in ahead), default=None)
        if first is not None:
            together = [item for item in ahead if item.expected_run_time == first]
            subjects = tuple(
                names.get(item.subject, item.subject)
                for item in together
                if item.subject and item.subject != WHOLE_DAY
            )
            found.append(
                Upcoming(at=first, workflow=row.workflow, subjects=subjects, what=together[0].expected_reason)
            )
        # The controller checks a pending search again before its next slot.
        waiting = any(item.status == "PENDING" for item in row.occurrences)
        if (
            waiting
            and row.next_check
            and row.next_check > as_of
            and (first is None or row.next_check < first)
        ):
            found.append(
                Upcoming(at=row.next_check, workflow=row.workflow, subjects=(), what="checked again")
            )
    found.sort(key=lambda item: (item.at, item.workflow))
    return tuple(found[:_UPCOMING])

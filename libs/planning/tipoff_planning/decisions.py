"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and what led to it.

Pure: configuration, calendar, history and the instant are arguments, so the same history gives the same decision.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from tipoff_common.clock import business_date
from tipoff_common.events import Action, AlertLevel
from tipoff_planning.calendar import Calendar
from tipoff_planning.history import History, Known, Outputs
from tipoff_planning.occurrences import (
    REPORT_UNFOUND_FOR,
    WHOLE_DAY,
    Agenda,
    Occurrence,
    agenda,
    game_date_of,
    games_of,
)
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.plans import Plan, asks_for_nothing
from tipoff_planning.progress import Attempt, State, progress
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration, Workflow

LATE_AFTER_MINUTES = 30
"""From when a run is late; the dataset's views say the same."""
# Subjects of what is no occurrence of the day, so that nothing said of it is taken for a word about one that is.
REFRESH = "calendar-refresh"
NONE_DUE = "none-due"
UNDECIDED = "undecided"


class Reason(StrEnum):
    """Why; the dataset's views tell a skip that is all right from one that is not by these codes."""

    DUE = "due"
    PARTLY_DUE = "partly_due"
    INCOMPLETE = "incomplete"
    REFRESH = "refresh"
    CALENDAR_STALE = "calendar_stale"
    MANUAL = "manual"
    ALREADY_FOUND = "already_found"
    NO_GAMES = "no_games"
    TOO_EARLY = "too_early"
    DAY_DONE = "day_done"
    UNDER_WAY = "under_way"
    NOT_PUBLISHED = "not_published"
    NOT_FOUND = "not_found"
    BUDGET_USED = "budget_used"
    PARENT_UNFRUITFUL = "parent_unfruitful"
    NO_CALENDAR = "no_calendar"
    HISTORY_UNAVAILABLE = "history_unavailable"


@dataclass(frozen=True)
class Decision:
    """One workflow, one occurrence, one tick.

    outstanding: for a first RUN, the part of the workflow that is still outstanding, from which the plan is frozen.
    plan, due: for a later RUN, the frozen plan and the attempts of it that are due.
    """

    occurrence: Occurrence
    action: Action
    code: Reason
    sentence: str
    alert_level: AlertLevel
    next_check: datetime | None
    context: Mapping[str, JsonValue]
    outstanding: Outstanding | None = None
    plan: Plan | None = None
    due: tuple[Attempt, ...] = ()


@dataclass(frozen=True)
class DecisionInputs:
    """All that a decision depends on.

    plans: the frozen plans of occurrences decided before, by occurrence id.
    outputs: what executions gave to fan out over, by request id.
    expect: what is expected around a day; a caller that asks often may remember its answers.
    """

    configuration: Configuration
    calendar: Calendar | None
    history: History
    now: datetime
    plans: Mapping[str, Plan] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=dict)
    expect: Callable[[Configuration, Calendar | None, date], Agenda] = agenda

    @cached_property
    def today(self) -> date:
        return business_date(self.now)

    @cached_property
    def calendar_is_stale(self) -> bool:
        if self.calendar is None:
            return True
        return self.calendar.age(self.now) > self.configuration.file.calendar.stale_after

    def expected(self) -> Agenda:
        return self.expect(self.configuration, self.calendar, self.today)


def decide(inputs: DecisionInputs) -> tuple[Decision, ...]:
    """A decision for every due occurrence, one for every workflow that has none due, and the refresh of a calendar
    that has grown old."""
    decisions = [
        decision for name, expected in inputs.expected() for decision in _of_workflow(name, expected, inputs)
    ]
    refresh = _refresh_calendar(decisions, inputs)
    return (refresh, *decisions) if refresh else tuple(decisions)


def unable_to_decide(configuration: Configuration, now: datetime, why: str) -> tuple[Decision, ...]:
    """ABORT for every workflow: what happened so far cannot be read."""
    inputs = DecisionInputs(configuration, None, History(stale=True), now)
    return tuple(
        _Builder(_placeholder(name, UNDECIDED, inputs), workflow, None, inputs)(
            Action.ABORT,
            Reason.HISTORY_UNAVAILABLE,
            f"What happened so far cannot be read: {why}",
            alert=True,
        )
        for name, workflow in configuration.workflows.items()
    )


def _of_workflow(name: str, expected: Sequence[Occurrence], inputs: DecisionInputs) -> Iterator[Decision]:
    now, workflow = inputs.now, inputs.configuration.workflows[name]
    come = bisect_right(expected, now, key=attrgetter("expected"))
    upcoming = expected[come] if come < len(expected) else None
    due = [item for item in expected[:come] if now < item.deadline]
    unfound = _unfound(expected[:come], workflow, inputs)
    if not due and not unfound:
        yield _none_due(name, upcoming, inputs)
    for occurrence in due:
        yield _decide_due(occurrence, upcoming, inputs)
    for occurrence in unfound:
        about = "" if occurrence.subject == WHOLE_DAY else f" of {occurrence.subject}"
        sentence = f"The publication window closed and not all was found for {occurrence.game_date}{about}."
        if lacking := find_outstanding(occurrence, inputs.configuration, inputs.history).missing:
            sentence += f" It lacks {', '.join(lacking)}."
        yield _Builder(occurrence, workflow, upcoming, inputs)(
            Action.SKIP, Reason.NOT_FOUND, sentence, alert=True
        )


def _none_due(name: str, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    configuration, today = inputs.configuration, inputs.today
    workflow = configuration.workflows[name]
    build = _Builder(upcoming or _placeholder(name, NONE_DUE, inputs), workflow, upcoming, inputs)
    if name in configuration.needing_games and inputs.calendar is None:
        sentence = f"No schedule of games has landed yet; {configuration.file.calendar.scraper} has to succeed first."
        return build(Action.ABORT, Reason.NO_CALENDAR, sentence, alert=True)
    game_date = game_date_of(workflow.schedule, today)
    if (
        (upcoming is None or upcoming.day > today)
        and name in configuration.needing_games
        and not games_of(configuration, inputs.calendar, game_date)
    ):
        return build(Action.SKIP, Reason.NO_GAMES, f"No games on {game_date}, so there is nothing to fetch.")
    if upcoming is None:
        return build(Action.SKIP, Reason.DAY_DONE, "Nothing more is expected today or tomorrow.")
    when = _when(upcoming.expected, configuration.zone)
    if upcoming.day > today:
        return build(Action.SKIP, Reason.DAY_DONE, f"Today is done; next is {when}.")
    return build(Action.SKIP, Reason.TOO_EARLY, f"Not due before {when}.")


def _unfound(come: Sequence[Occurrence], workflow: Workflow, inputs: DecisionInputs) -> list[Occurrence]:
    """Of searches that ended without finding everything, the last attempt: until the business day is over, and at
    least for REPORT_UNFOUND_FOR, as windows may close at midnight or after it."""
    if not isinstance(workflow.schedule, Discovery | PerGame):
        return []
    now, today = inputs.now, inputs.today
    last = {(item.day, item.subject): item for item in come}
    return [
        item
        for item in last.values()
        if item.deadline <= now
        and (item.day == today or now - item.deadline < REPORT_UNFOUND_FOR)
        and not asks_for_nothing(item, workflow)
        and not find_outstanding(item, inputs.configuration, inputs.history).found
    ]


def _decide_due(occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = _Builder(occurrence, workflow, upcoming, inputs)
    plan = inputs.plans.get(occurrence.id)
    if plan is not None:
        history = inputs.history
        return _decide_planned(build, plan, Known(history.executions, history.requested, inputs.outputs))
    if asks_for_nothing(occurrence, workflow):
        sentence = (
            f"No games or teams are known for {occurrence.game_date} yet, so there is nothing to ask for."
        )
        return build(Action.SKIP, Reason.NO_GAMES, sentence)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    when = _when(occurrence.expected, inputs.configuration.zone)
    if outstanding.found:
        if outstanding.refresh_due(occurrence, workflow):
            since = (
                _when(outstanding.last_found, inputs.configuration.zone) if outstanding.last_found else "-"
            )
            return build(
                Action.RUN,
                Reason.REFRESH,
                f"Found at {since}; looking for a later version.",
                outstanding=Outstanding(),
            )
        first = _when(outstanding.first_found, inputs.configuration.zone) if outstanding.first_found else when
        return build(
            Action.SKIP, Reason.ALREADY_FOUND, f"Already found for {occurrence.game_date} at {first}."
        )
    late = int((inputs.now - occurrence.expected).total_seconds() // 60)
    sentence = f"Due since {when}: {', '.join(outstanding.scrapers(workflow))}."
    if outstanding.missing:
        sentence += f" What was found lacks {', '.join(outstanding.missing)}."
    if late > LATE_AFTER_MINUTES:
        sentence += f" Late by {late} minutes."
    code = Reason.INCOMPLETE if outstanding.missing else Reason.DUE
    return build(Action.RUN, code, sentence, outstanding=outstanding, late_minutes=late, slot=occurrence.slot)


def _decide_planned(build: "_Builder", plan: Plan, known: Known) -> Decision:
    """An occurrence that was decided before: what of its plan is still due, or how it stands."""
    result = progress(plan, known)
    game_date = build.occurrence.game_date
    if result.due:
        names = ", ".join(dict.fromkeys(attempt.unit.scraper for attempt in result.due))
        return build(
            Action.RUN, Reason.PARTLY_DUE, f"Still missing: {names}.", plan=plan, due=tuple(result.due)
        )
    if State.UNDER_WAY in result.states:
        return build(Action.SKIP, Reason.UNDER_WAY, "Requested, and nothing came of it yet.")
    if State.GIVEN_UP in result.states:
        sentence = "Failed, and asking again before the next slot would not help."
        return build(Action.SKIP, Reason.BUDGET_USED, sentence, alert=True)
    if State.NO_DATA in result.states:
        return build(Action.SKIP, Reason.NOT_PUBLISHED, f"Asked for {game_date}: not published yet.")
    inputs = build.inputs
    if lacking := find_outstanding(build.occurrence, inputs.configuration, inputs.history).missing:
        sentence = (
            f"Found for {game_date} without {', '.join(lacking)}; this slot is done, the next asks again."
        )
        return build(Action.SKIP, Reason.INCOMPLETE, sentence)
    return build(Action.SKIP, Reason.ALREADY_FOUND, f"Everything for {game_date} was collected.")


def _refresh_calendar(decisions: list[Decision], inputs: DecisionInputs) -> Decision | None:
    """A RUN of the calendar's scraper when the calendar is old, at most once an hour, unless its workflow runs now."""
    configuration = inputs.configuration
    name = configuration.refresher
    if name is None or not inputs.calendar_is_stale:
        return None
    if any(item.occurrence.workflow == name and item.action is Action.RUN for item in decisions):
        return None
    hour = inputs.now.replace(minute=0, second=0, microsecond=0)
    slot = int(hour.timestamp()) // 3600
    occurrence = Occurrence(
        name,
        inputs.today,
        inputs.today,
        REFRESH,
        slot,
        hour,
        hour + timedelta(hours=1),
        (),
        "calendar is old",
    )
    if occurrence.id in inputs.plans:
        return None
    workflow = configuration.workflows[name]
    source = configuration.file.calendar.scraper
    steps = {step_name: None for step_name, step in workflow.plan.items() if step.scraper == source}
    sentence = "The schedule of games is old or missing; it is fetched before it is relied on."
    build = _Builder(occurrence, workflow, None, inputs)
    return build(Action.RUN, Reason.CALENDAR_STALE, sentence, outstanding=Outstanding(steps))


@dataclass(frozen=True)
class _Builder:
    occurrence: Occurrence
    workflow: Workflow
    upcoming: Occurrence | None
    inputs: DecisionInputs

    def __call__(
        self,
        action: Action,
        code: Reason,
        sentence: str,
        *,
        alert: bool = False,
        outstanding: Outstanding | None = None,
        plan: Plan | None = None,
        due: tuple[Attempt, ...] = (),
        **context: JsonValue,
    ) -> Decision:
        calendar, now = self.inputs.calendar, self.inputs.now
        return Decision(
            occurrence=self.occurrence,
            action=action,
            code=code,
            sentence=sentence,
            alert_level=self.workflow.alert_level if alert else AlertLevel.NONE,
            next_check=self.upcoming.expected if self.upcoming else None,
            context={
                "expected_run_time": self.occurrence.expected.isoformat(),
                "deadline": self.occurrence.deadline.isoformat(),
                "games": len(self.occurrence.games),
                "calendar_age_minutes": int(calendar.age(now).total_seconds() // 60) if calendar else None,
                "calendar_stale": self.inputs.calendar_is_stale,
                "history_stale": self.inputs.history.stale,
                **context,
            },
            outstanding=outstanding,
            plan=plan,
            due=due,
        )


def _placeholder(name: str, subject: str, inputs: DecisionInputs) -> Occurrence:
    """Stands for the day of a workflow that has no occurrence to speak of."""
    today, now = inputs.today, inputs.now
    return Occurrence(name, today, today, subject, 0, now, now, (), "no occurrence")


def _when(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"

"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and what led to it.

Pure: configuration, calendar, history and the instant are arguments, so the same history gives the same decision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from tipoff_common.clock import business_date
from tipoff_common.events import Action, AlertLevel
from tipoff_controller.calendar import Calendar
from tipoff_controller.history import History
from tipoff_controller.occurrences import WHOLE_DAY, Occurrence, occurrences
from tipoff_controller.plans import Progress, UnitState, state_of, units
from tipoff_controller.workflows import Configuration, Discovery, Workflow

LATE_AFTER_MINUTES = 30


class Reason(StrEnum):
    """Why; the dataset's views tell a skip that is all right from one that is not by these codes."""

    DUE = "due"
    ALREADY_FOUND = "already_found"
    NO_GAMES = "no_games"
    TOO_EARLY = "too_early"
    DAY_DONE = "day_done"
    UNDER_WAY = "under_way"
    NOT_PUBLISHED = "not_published"
    NOT_FOUND = "not_found"
    BUDGET_USED = "budget_used"
    NO_CALENDAR = "no_calendar"
    HISTORY_UNAVAILABLE = "history_unavailable"
    MANUAL = "manual"


@dataclass(frozen=True)
class Decision:
    """One workflow, one occurrence, one tick. `todo` is what is to be requested, for RUN only."""

    occurrence: Occurrence
    action: Action
    code: Reason
    sentence: str
    alert_level: AlertLevel
    next_check: datetime | None
    context: Mapping[str, JsonValue]
    todo: tuple[UnitState, ...] = ()


@dataclass(frozen=True)
class Situation:
    """All that a decision depends on."""

    configuration: Configuration
    calendar: Calendar | None
    history: History
    now: datetime

    @property
    def today(self) -> date:
        return business_date(self.now)

    def expected(self) -> tuple[Occurrence, ...]:
        """Yesterday's occurrences may still be due after midnight; tomorrow's tell when to look again."""
        days = (self.today + timedelta(days=offset) for offset in (-1, 0, 1))
        return tuple(item for day in days for item in occurrences(self.configuration, self.calendar, day))


def decide(situation: Situation) -> tuple[Decision, ...]:
    """A decision for every due occurrence, and one for every workflow that has none due."""
    by_workflow: dict[str, list[Occurrence]] = {name: [] for name in situation.configuration.workflows}
    for occurrence in situation.expected():
        by_workflow[occurrence.workflow].append(occurrence)
    return tuple(
        decision
        for name, expected in by_workflow.items()
        for decision in _of_workflow(name, expected, situation)
    )


def unable_to_decide(configuration: Configuration, now: datetime, why: str) -> tuple[Decision, ...]:
    """ABORT for every workflow: neither the dataset nor the ledger could be asked."""
    situation = Situation(configuration, None, History(stale=True), now)
    return tuple(
        _Builder(_placeholder(name, situation), workflow, None, situation)(
            Action.ABORT,
            Reason.HISTORY_UNAVAILABLE,
            f"What happened so far cannot be read: {why}",
            alert=True,
        )
        for name, workflow in configuration.workflows.items()
    )


def _of_workflow(name: str, expected: list[Occurrence], situation: Situation) -> Iterator[Decision]:
    now = situation.now
    upcoming = next((item for item in expected if item.expected > now), None)
    due = [item for item in expected if item.expected <= now < item.deadline]
    if not due:
        yield _none_due(name, expected, upcoming, situation)
    for occurrence in due:
        yield _decide_due(occurrence, upcoming, situation)


def _none_due(
    name: str, expected: list[Occurrence], upcoming: Occurrence | None, situation: Situation
) -> Decision:
    configuration, today = situation.configuration, situation.today
    workflow = configuration.workflows[name]
    build = _Builder(upcoming or _placeholder(name, situation), workflow, upcoming, situation)
    if configuration.needs_games(workflow):
        if situation.calendar is None:
            return build(
                Action.ABORT,
                Reason.NO_CALENDAR,
                f"No schedule of games has landed yet; {configuration.file.calendar.scraper} has to succeed first.",
                alert=True,
            )
        if not situation.calendar.games_on(today):
            return build(Action.SKIP, Reason.NO_GAMES, f"No games on {today}, so there is nothing to fetch.")
    closed = [item for item in expected if item.game_date == today and item.deadline <= situation.now]
    if (
        closed
        and isinstance(workflow.schedule, Discovery)
        and _found(closed[-1], workflow, situation) is None
    ):
        sentence = f"The publication window closed and nothing was found for {today}."
        return _Builder(closed[-1], workflow, upcoming, situation)(
            Action.SKIP, Reason.NOT_FOUND, sentence, alert=True
        )
    if upcoming is None:
        return build(Action.SKIP, Reason.DAY_DONE, "Nothing more is expected today or tomorrow.")
    if upcoming.game_date > today:
        return build(
            Action.SKIP,
            Reason.DAY_DONE,
            f"Today is done; next is {_when(upcoming.expected, configuration.zone)}.",
        )
    return build(
        Action.SKIP, Reason.TOO_EARLY, f"Not due before {_when(upcoming.expected, configuration.zone)}."
    )


def _decide_due(occurrence: Occurrence, upcoming: Occurrence | None, situation: Situation) -> Decision:
    workflow = situation.configuration.workflows[occurrence.workflow]
    build = _Builder(occurrence, workflow, upcoming, situation)
    if (
        isinstance(workflow.schedule, Discovery)
        and (found := _found(occurrence, workflow, situation)) is not None
    ):
        return build(
            Action.SKIP,
            Reason.ALREADY_FOUND,
            f"Already found for {occurrence.game_date} at {_when(found, situation.configuration.zone)}.",
        )
    plan = units(occurrence, workflow)
    states = [state_of(unit, occurrence, workflow, situation.history) for unit in plan]
    todo = tuple(state for state in states if state.progress is Progress.OPEN)
    if todo:
        return _run(build, occurrence, todo, situation)
    return _settled(build, {state.progress for state in states}, occurrence)


def _run(
    build: "_Builder", occurrence: Occurrence, todo: tuple[UnitState, ...], situation: Situation
) -> Decision:
    late = int((situation.now - occurrence.expected).total_seconds() // 60)
    names = ", ".join(state.unit.scraper for state in todo)
    sentence = f"Due since {_when(occurrence.expected, situation.configuration.zone)}: {names}."
    if late > LATE_AFTER_MINUTES:
        sentence += f" Late by {late} minutes."
    return build(Action.RUN, Reason.DUE, sentence, todo=todo, late_minutes=late, slot=occurrence.slot)


def _settled(build: "_Builder", reached: set[Progress], occurrence: Occurrence) -> Decision:
    if Progress.UNDER_WAY in reached:
        return build(Action.SKIP, Reason.UNDER_WAY, "Requested, and nothing came of it yet.")
    if Progress.GIVEN_UP in reached:
        sentence = "Failed, and asking again before the next slot would not help."
        return build(Action.SKIP, Reason.BUDGET_USED, sentence, alert=True)
    if Progress.NO_DATA in reached:
        return build(
            Action.SKIP, Reason.NOT_PUBLISHED, f"Asked for {occurrence.game_date}: not published yet."
        )
    return build(Action.SKIP, Reason.ALREADY_FOUND, f"Everything for {occurrence.game_date} was collected.")


def _found(occurrence: Occurrence, workflow: Workflow, situation: Situation) -> datetime | None:
    """When the last of the workflow's scrapers had its first success for the game date; None if one has none."""
    facts = [situation.history.found(step.scraper, occurrence.game_date) for step in workflow.steps]
    instants = [fact.triggered_at for fact in facts if fact is not None]
    return max(instants) if len(instants) == len(facts) else None


@dataclass(frozen=True)
class _Builder:
    occurrence: Occurrence
    workflow: Workflow
    upcoming: Occurrence | None
    situation: Situation

    def __call__(
        self,
        action: Action,
        code: Reason,
        sentence: str,
        *,
        alert: bool = False,
        todo: tuple[UnitState, ...] = (),
        **context: JsonValue,
    ) -> Decision:
        calendar = self.situation.calendar
        age = int(calendar.age(self.situation.now).total_seconds() // 60) if calendar else None
        stale_after = self.situation.configuration.file.calendar.stale_after
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
                "calendar_age_minutes": age,
                "calendar_stale": calendar is None or calendar.age(self.situation.now) > stale_after,
                "history_stale": self.situation.history.stale,
                **context,
            },
            todo=todo,
        )


def _placeholder(name: str, situation: Situation) -> Occurrence:
    """Stands for the day of a workflow that has no occurrence to speak of."""
    return Occurrence(name, situation.today, WHOLE_DAY, 0, situation.now, situation.now, (), "no occurrence")


def _when(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"

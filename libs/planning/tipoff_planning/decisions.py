"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and what led to it.

Pure: configuration, calendar, history and the instant are arguments, so the same history gives the same decision.
"""

from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, partial
from operator import attrgetter
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Action, AlertLevel, PauseTarget
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.discovery.accounts import discovery_context, explain_check
from tipoff_planning.discovery.plans import NO_PLANS, DiscoveryPlans
from tipoff_planning.expectations import WHOLE_DAY
from tipoff_planning.history import ExecutionFact, History, Known, Outputs, Slate
from tipoff_planning.occurrences import (
    REPORT_UNFOUND_FOR,
    Agenda,
    Occurrence,
    agenda,
    game_date_of,
    games_of,
)
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.paused_steps import without_paused
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.plans import Plan, asks_for_nothing
from tipoff_planning.progress import Attempt, PlanProgress, State
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration

# The workflow that fetches the schedule is due at 05:00; a refresh at the same
# tick would ask the source twice.
REREAD_FROM = time(5, 30)
"""From when on a game day's schedule is read again; before it the morning's own fetch is due."""
MOVED_BY = timedelta(minutes=30)
"""From which difference two sources disagree about a tip-off: a broadcaster's may be minutes after the league's."""
LATE_AFTER_MINUTES = 30
"""From when a run is late; the dataset's views say the same."""
# Subjects for decisions without an occurrence of the day; they cannot collide with a real one.
REFRESH = "calendar-refresh"
CONTRADICTED = "calendar-contradicted"
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
    SOURCE_FAILING = "source_failing"
    NOTHING_FOR_LONG = "nothing_for_long"
    SOURCE_PAUSED = "source_paused"
    SUPERSEDED = "superseded"
    PAUSED = "paused"
    TIMES_UNKNOWN = "times_unknown"
    CALENDAR_REREAD = "calendar_reread"
    CALENDAR_CONTRADICTED = "calendar_contradicted"
    MEMORY_REBUILT = "memory_rebuilt"
    BUDGET_USED = "budget_used"
    PARENT_UNFRUITFUL = "parent_unfruitful"
    NO_CALENDAR = "no_calendar"
    HISTORY_UNAVAILABLE = "history_unavailable"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True)
class Decision:
    """One workflow, one occurrence, one tick."""

    occurrence: Occurrence
    action: Action
    code: Reason
    sentence: str
    alert_level: AlertLevel
    next_check: datetime | None
    context: Mapping[str, JsonValue]
    outstanding: Outstanding | None = None
    """Of a first RUN: the part of the workflow that is still outstanding, from which the plan is frozen."""
    plan: Plan | None = None
    """Of a later RUN: the plan that was frozen by the first."""
    due: tuple[Attempt, ...] = ()
    """Of a later RUN: the attempts of the plan that are due."""


@dataclass(frozen=True)
class DecisionInputs:
    """All that a decision depends on."""

    configuration: Configuration
    calendar: Calendar | None
    history: History
    now: datetime
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """The frozen plans of occurrences decided before, by occurrence id."""
    # The controller keeps them up to date one execution at a time; working each out anew
    # would grow with its executions.
    standings: Mapping[str, PlanProgress] = field(default_factory=dict)
    """How far plans have come, by occurrence id; of a plan that is not here it is worked out from the history."""
    outputs: Outputs = field(default_factory=dict)
    """What executions gave to fan out over, by request id."""
    empty_looks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By workflow, its newest occurrences that found nothing, since its last success."""
    discovery: DiscoveryPlans = field(default_factory=dict)
    """The day's plans of the searches that learn when to look."""
    pauses: Pauses = field(default_factory=Pauses)
    """What people stopped for a while."""
    # The simulator asks for the same days thousands of times in a season.
    expect: Callable[[Configuration, Calendar | None, date, DiscoveryPlans], Agenda] = agenda
    """What is expected around a day; a caller that asks often may remember the answers."""

    @cached_property
    def today(self) -> date:
        """The business day of `now`."""
        return business_date(self.now, self.configuration.zone)

    @cached_property
    def calendar_is_stale(self) -> bool:
        """Whether the calendar is older than decisions may rely on."""
        # None has landed yet: as stale as can be, so that the refresh below asks for one.
        if self.calendar is None:
            return True
        return self.calendar.age(self.now) > self.configuration.file.calendar.stale_after

    @cached_property
    def known(self) -> Known:
        """What came of requests, by their ids."""
        return Known(self.history.executions, self.history.requested, self.outputs)

    def standing(self, occurrence: str) -> PlanProgress | None:
        """Return how far the plan of an occurrence has come; None when it was not decided before."""
        if occurrence in self.standings:
            return self.standings[occurrence]
        plan = self.plans.get(occurrence)
        return PlanProgress(plan, self.known) if plan is not None else None

    def paused_until(self, scraper: str) -> datetime | None:
        """Return when the pause ends that the scraper's source asked for; None when it may be requested."""
        # A frozen plan may name a scraper that is gone since.
        spec = self.configuration.catalog.get(scraper)
        until = self.history.paused_until(scraper, spec.hosts if spec else ())
        return until if until is not None and until > self.now else None

    def expected(self) -> Agenda:
        """Return what is expected around the business day, workflow by workflow."""
        return self.expect(self.configuration, self.calendar, self.today, self.discovery)


def considered(
    configuration: Configuration,
    calendar: Calendar | None,
    now: datetime,
    plans: DiscoveryPlans = NO_PLANS,
) -> tuple[Occurrence, ...]:
    """Return the occurrences whose plans a decision at `now` asks for: those that are due, the last of each search or
    stretch that has ended, and the refresh of the calendar."""
    found: list[Occurrence] = []
    for _, expected in agenda(configuration, calendar, business_date(now, configuration.zone), plans):
        come = [item for item in expected if item.expected <= now]
        found += [item for item in come if now < item.deadline]
        found += _ended(come, now, configuration.zone)
    # Whether a refresh ran in this hour is known by its log, which the controller has to read like any other.
    refreshes = (_refresh_occurrence(configuration, now, subject) for subject in (REFRESH, CONTRADICTED))
    return (*found, *(item for item in refreshes if item is not None))


def decide(inputs: DecisionInputs) -> tuple[Decision, ...]:
    """Return a decision for every due occurrence, one for every workflow that has none due, and the refresh of a
    calendar that has grown old."""
    decisions: list[Decision] = []
    for name, expected in inputs.expected():
        try:
            decisions += _of_workflow(name, expected, inputs)
        except Exception as error:  # noqa: BLE001  # one workflow's past must not stop the others
            decisions.append(_undecidable(_placeholder(name, UNDECIDED, inputs), inputs, error))
    # Last, since it is left out when the calendar's own workflow is among the decisions to run.
    refresh = _refresh_calendar(decisions, inputs)
    return (refresh, *decisions) if refresh else tuple(decisions)


def unable_to_decide(configuration: Configuration, now: datetime) -> tuple[Decision, ...]:
    """ABORT for every workflow: what happened so far cannot be read."""
    # Neither calendar nor history: whatever could not be read, the sentence must be true.
    inputs = DecisionInputs(configuration, None, History(stale=True), now)
    return tuple(
        _decision(
            _placeholder(name, UNDECIDED, inputs),
            None,
            inputs,
            Action.ABORT,
            Reason.HISTORY_UNAVAILABLE,
            "What happened so far cannot be read, so nothing is decided; the controller's log has the error.",
            alert=True,
        )
        for name in configuration.workflows
    )


def undecidable(decision: Decision, now: datetime, error: Exception) -> Decision:
    """ABORT in place of a decision that cannot be carried out."""
    return replace(
        decision,
        action=Action.ABORT,
        code=Reason.UNDECIDABLE,
        sentence=_cannot(error),
        # Somebody has to look, however little the workflow matters.
        alert_level=AlertLevel.CRITICAL,
        context={"decided_at": now.isoformat()},
        outstanding=None,
        plan=None,
        due=(),
    )


def _undecidable(occurrence: Occurrence, inputs: DecisionInputs, error: Exception) -> Decision:
    built = _decision(occurrence, None, inputs, Action.ABORT, Reason.UNDECIDABLE, _cannot(error))
    return replace(built, alert_level=AlertLevel.CRITICAL)


def _cannot(error: Exception) -> str:
    return f"This workflow cannot be decided; the others were: {type(error).__name__}: {error}"


def _of_workflow(name: str, expected: Sequence[Occurrence], inputs: DecisionInputs) -> Iterator[Decision]:
    now = inputs.now
    # Occurrences are sorted by time, and a stretch of three days may hold hundreds.
    come = bisect_right(expected, now, key=attrgetter("expected"))
    upcoming = expected[come] if come < len(expected) else None
    due = [item for item in expected[:come] if now < item.deadline]
    unhappy = [
        decision
        for item in _ended(expected[:come], now, inputs.configuration.zone)
        if (decision := _decide_ended(item, upcoming, inputs)) is not None
    ]
    # A workflow always has a row: one that is silent cannot be told from a controller that is dead.
    if not due and not unhappy:
        yield _none_due(name, upcoming, inputs)
    # What is due before what went wrong: the rows of a workflow are read from the top.
    for occurrence in due:
        yield _decide_due(occurrence, upcoming, inputs)
    yield from unhappy


def _none_due(name: str, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    configuration, today = inputs.configuration, inputs.today
    workflow = configuration.workflows[name]
    build = partial(_decision, upcoming or _placeholder(name, NONE_DUE, inputs), upcoming, inputs)
    # ABORT and not SKIP: "no games" would be a statement about the day, and nothing is known of it.
    if name in configuration.needing_games and inputs.calendar is None:
        sentence = f"No schedule of games has landed yet; {configuration.file.calendar.scraper} has to succeed first."
        return build(Action.ABORT, Reason.NO_CALENDAR, sentence, alert=True)
    # Not `today`: windows of the same night collect the games of the day before.
    game_date = game_date_of(workflow.schedule, today)
    # Only when nothing is left of today: with something to come, the day has games.
    if (upcoming is None or upcoming.day > today) and name in configuration.needing_games:
        games = games_of(configuration, inputs.calendar, game_date)
        if not games:
            return build(
                Action.SKIP, Reason.NO_GAMES, f"No games on {game_date}, so there is nothing to fetch."
            )
        # The schedule is read again every hour of such a day, which picks them up once their times are set.
        if timeless := _timeless(game_date, inputs):
            known = ", ".join(_matchup(game) for game in timeless)
            sentence = f"{len(timeless)} of {len(games)} games on {game_date} have no time yet: {known}."
            return build(Action.SKIP, Reason.TIMES_UNKNOWN, sentence, games_without_time=len(timeless))
    if upcoming is None:
        return build(Action.SKIP, Reason.DAY_DONE, "Nothing more is expected today or tomorrow.")
    when = _when(upcoming.expected, configuration.zone_of(name))
    if upcoming.day > today:
        return build(Action.SKIP, Reason.DAY_DONE, f"Today is done; next is {when}.")
    sentence = f"Not due before {when}."
    if name in configuration.needing_games and (timeless := _timeless(game_date, inputs)):
        # The others of the day are planned; these are picked up once the schedule has a time for them.
        sentence += f" No time yet: {', '.join(map(_matchup, timeless))}."
        return build(Action.SKIP, Reason.TOO_EARLY, sentence, games_without_time=len(timeless))
    return build(Action.SKIP, Reason.TOO_EARLY, sentence)


def _timeless(day: date, inputs: DecisionInputs) -> list[Game]:
    """Return the day's games whose time is not decided."""
    return [game for game in games_of(inputs.configuration, inputs.calendar, day) if game.tipoff is None]


def _matchup(game: Game) -> str:
    teams = "@".join(game.teams) if len(game.teams) == 2 else "teams undecided"
    return f"{game.game_id} ({teams})"


def _ended(come: Sequence[Occurrence], now: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """Return the last occurrence of each day and subject once it is over: until the business day is, and at least
    for REPORT_UNFOUND_FOR, as windows may close at midnight or after it."""
    today = business_date(now, zone)
    # Sorted by time, so of each key the last one stays: a search is over when its last slot is.
    last = {(item.day, item.subject): item for item in come}
    return [
        item
        for item in last.values()
        if item.deadline <= now and (item.day == today or now - item.deadline < REPORT_UNFOUND_FOR)
    ]


def _decide_ended(
    occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision | None:
    """Report a search or a stretch that is over and incomplete; None when nothing is wrong."""
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(_decision, occurrence, upcoming, inputs, Action.SKIP)
    searches = isinstance(workflow.schedule, Discovery | PerGame)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    # No games, or all found by whichever slot: nothing is wrong.
    if asks_for_nothing(occurrence, workflow) or (searches and outstanding.found):
        return None
    if _was_kept_back(occurrence, outstanding.scrapers(workflow), inputs):
        return None  # somebody stopped it, and so knows
    about = "" if occurrence.subject == WHOLE_DAY else f" of {occurrence.subject}"
    standing = inputs.standing(occurrence.id)
    # Failing before missing: people who mend a scraper and people who wait for a source are not the same.
    failure = standing.last_failure() if standing else None
    if failure is not None:
        # A source that fails is somebody's to mend; one that is late is not.
        sentence = (
            f"The window closed and {failure.scraper} kept failing for {occurrence.game_date}{about}."
            f" Last: {failure.kind.value if failure.kind else 'failed'}: {failure.message or 'no message'}"
        )
        kind = failure.kind.value if failure.kind else None
        return build(
            Reason.SOURCE_FAILING, sentence, alert=True, failing_scraper=failure.scraper, error_type=kind
        )
    # Other kinds ask once an occurrence; that it found nothing was said when it did.
    if not searches:
        return None
    sentence = f"The publication window closed and not all was found for {occurrence.game_date}{about}."
    if outstanding.missing:
        sentence += f" It lacks {', '.join(outstanding.missing)}."
    sentence += _told_empty(standing)
    return build(Reason.NOT_FOUND, sentence, alert=True)


def _decide_due(occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(_decision, occurrence, upcoming, inputs)
    # Decided before: the plan is frozen, and what is found now by others does not change what it asks for.
    if (standing := inputs.standing(occurrence.id)) is not None:
        return _decide_planned(occurrence, upcoming, standing, inputs)
    if asks_for_nothing(occurrence, workflow):
        sentence = (
            f"No games or teams are known for {occurrence.game_date} yet, so there is nothing to ask for."
        )
        return build(Action.SKIP, Reason.NO_GAMES, sentence)
    zone = inputs.configuration.zone_of(occurrence.workflow)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    when = _when(occurrence.expected, zone)
    refreshes = (
        outstanding.found and occurrence.role != "search" and outstanding.refresh_due(occurrence, workflow)
    )
    # Found is final unless the schedule says that later versions are looked for.
    if outstanding.found and not refreshes:
        first = _when(outstanding.first_found, zone) if outstanding.first_found else when
        sentence = f"Already found for {occurrence.game_date} at {first}."
        return build(Action.SKIP, Reason.ALREADY_FOUND, sentence)
    # A refresh slot is extra; asking in it as well would spend more than the search's budget.
    if not outstanding.found and occurrence.role == "refresh":
        sentence = (
            f"Not found yet, and this slot looks for later versions only. {_next_search(upcoming, zone)}"
        )
        return build(Action.SKIP, Reason.SUPERSEDED, sentence)
    # A later version is looked for with the whole workflow again.
    asked = without_paused(
        Outstanding() if refreshes else outstanding, occurrence.workflow, workflow, inputs.pauses, inputs.now
    )
    # All that is outstanding is paused.
    if asked.outstanding is None:
        return build(Action.SKIP, Reason.PAUSED, _paused_sentence(asked.pauses[0], zone))
    without = f" Without {asked.told(zone)}." if asked.pauses else ""
    if refreshes:
        since = _when(outstanding.last_found, zone) if outstanding.last_found else "-"
        sentence = f"Found at {since}; looking for a later version.{without}"
        return build(Action.RUN, Reason.REFRESH, sentence, outstanding=asked.outstanding)
    outstanding = asked.outstanding
    names = outstanding.scrapers(workflow)
    # Where a part may be asked for, the runner answers for the part that may not, without asking its host.
    if names and all(inputs.paused_until(name) for name in names):
        return _paused(names, build, inputs)
    late = int((inputs.now - occurrence.expected).total_seconds() // 60)
    sentence = f"Due since {when}: {', '.join(names)}."
    if outstanding.missing:
        sentence += f" What was found lacks {', '.join(outstanding.missing)}."
    if late > LATE_AFTER_MINUTES:
        sentence += f" Late by {late} minutes."
    # Of a learned search: why just now, with the probability it was planned by.
    sentence += explain_check(occurrence, inputs.discovery.get((occurrence.workflow, occurrence.day)))
    sentence += without
    code = Reason.INCOMPLETE if outstanding.missing else Reason.DUE
    return build(Action.RUN, code, sentence, outstanding=outstanding, late_minutes=late, slot=occurrence.slot)


def _next_search(upcoming: Occurrence | None, zone: ZoneInfo) -> str:
    return f"Next is {_when(upcoming.expected, zone)}." if upcoming else "Nothing more is planned today."


def _decide_planned(
    occurrence: Occurrence, upcoming: Occurrence | None, standing: PlanProgress, inputs: DecisionInputs
) -> Decision:
    """Decide about an occurrence with a frozen plan: RUN what of the plan is due, else SKIP with how it stands."""
    states = {state for state, count in standing.counts.items() if count}
    build = partial(_decision, occurrence, upcoming, inputs)
    game_date = occurrence.game_date
    held = inputs.pauses.held(occurrence.workflow, inputs.now)
    attempts = standing.due(inputs.now, held)
    if due := [item for item in attempts if inputs.paused_until(item.unit.scraper) is None]:
        names = ", ".join(dict.fromkeys(attempt.unit.scraper for attempt in due))
        return build(
            Action.RUN, Reason.PARTLY_DUE, f"Still missing: {names}.", plan=standing.plan, due=tuple(due)
        )
    # Before the states below: what is under way may still make any of them untrue.
    if State.UNDER_WAY in states:
        return build(Action.SKIP, Reason.UNDER_WAY, "Requested, and nothing came of it yet.")
    # Due, but each source asked to be left alone.
    if attempts:
        return _paused([item.unit.scraper for item in attempts], build, inputs)
    if (pause := _holding_back(standing, occurrence.workflow, inputs)) is not None:
        sentence = _paused_sentence(pause, inputs.configuration.zone_of(occurrence.workflow))
        return build(Action.SKIP, Reason.PAUSED, sentence)
    failure = standing.last_failure()
    told = f" Last: {failure.kind.value if failure.kind else 'failed'}: {failure.message}" if failure else ""
    # Waiting before given up: a retry that is still to come may mend it.
    if State.WAITING in states:
        return build(Action.SKIP, Reason.UNDER_WAY, f"Failed; it is asked for again within the window.{told}")
    if State.GIVEN_UP in states:
        sentence = f"Failed, and asking again before the next slot would not help.{told}"
        return build(Action.SKIP, Reason.BUDGET_USED, sentence, alert=True)
    # Not broken and not found, the usual state of a search: no alert.
    if State.NO_DATA in states:
        return _nothing_published(occurrence, upcoming, inputs)
    if lacking := find_outstanding(occurrence, inputs.configuration, inputs.history).missing:
        sentence = (
            f"Found for {game_date} without {', '.join(lacking)}; this slot is done, the next asks again."
        )
        return build(Action.SKIP, Reason.INCOMPLETE, sentence)
    return build(Action.SKIP, Reason.ALREADY_FOUND, f"Everything for {game_date} was collected.")


def _paused(scrapers: Sequence[str], build: Callable[..., Decision], inputs: DecisionInputs) -> Decision:
    """SKIP, since the sources of all that is to be requested asked to be left alone."""
    until = min(pause for name in scrapers if (pause := inputs.paused_until(name)) is not None)
    names = ", ".join(dict.fromkeys(scrapers))
    sentence = f"{names}: the source is not to be asked before {_when(until, inputs.configuration.zone)}."
    return build(Action.SKIP, Reason.SOURCE_PAUSED, sentence, alert=True)


def _was_kept_back(occurrence: Occurrence, scrapers: Sequence[str], inputs: DecisionInputs) -> bool:
    """Tell whether a pause is why an ended occurrence lacks something: one that stands now, stood when the window
    closed, or stood at any time of a window in which nothing was requested."""
    name, now, closed = occurrence.workflow, inputs.now, occurrence.deadline
    # Nothing was requested: a pause at any time of the window explains it.
    # Otherwise only one at its end does.
    start = occurrence.expected if inputs.standing(occurrence.id) is None else closed - timedelta(seconds=1)
    windows = ((now, now + timedelta(seconds=1)), (start, closed))
    return any(inputs.pauses.kept_back(name, scrapers, *window) is not None for window in windows)


def _holding_back(standing: PlanProgress, workflow: str, inputs: DecisionInputs) -> Pause | None:
    """Return the pause for which something that is not found yet is not asked for; None when none is."""
    if not inputs.pauses.standing(inputs.now):
        return None  # looking at every unit of a large plan is left out where nothing is paused
    unfound = [item.unit.scraper for item in standing.units() if item.state is not State.SUCCESS]
    if not unfound:
        return None
    whole = inputs.pauses.of_workflow(workflow, inputs.now)
    return whole or next(iter(inputs.pauses.of_scrapers(unfound, inputs.now).values()), None)


def _paused_sentence(pause: Pause, zone: ZoneInfo) -> str:
    what = "Paused" if pause.target is PauseTarget.WORKFLOW else f"{pause.name} is paused"
    return f"{what} by {pause.by} until {_when(pause.until, zone)}: {pause.why}"


def _told_empty(standing: PlanProgress | None) -> str:
    """Repeat how the scraper understood the last answer without data: an empty page, say, or a missing one."""
    empty = standing.last_empty() if standing else None
    return f" Last: {empty.message}" if empty is not None and empty.message else ""


def _nothing_published(
    occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision:
    """SKIP; aloud when the workflow has found nothing many times in a row. A search says so when its window closes."""
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(_decision, occurrence, upcoming, inputs, Action.SKIP)
    told = _told_empty(inputs.standing(occurrence.id))
    # A set, as this occurrence is among them once its execution is logged.
    looks = {*inputs.empty_looks.get(occurrence.workflow, ()), occurrence.id}
    if isinstance(workflow.schedule, Discovery | PerGame) or len(looks) < workflow.alert_after_empty_looks:
        return build(Reason.NOT_PUBLISHED, f"Asked for {occurrence.game_date}: not published yet.{told}")
    sentence = (
        f"Nothing was published for the last {len(looks)} times; look whether the source has moved.{told}"
    )
    return build(Reason.NOTHING_FOR_LONG, sentence, alert=True, empty_looks=len(looks))


def _refresh_occurrence(configuration: Configuration, now: datetime, subject: str) -> Occurrence | None:
    """Return the refresh of the calendar in the hour of `now`; None when no workflow fetches it.

    subject: REFRESH for the hourly one, CONTRADICTED for one beside it.
    """
    name = configuration.refresher
    if name is None:
        return None
    hour, today = now.replace(minute=0, second=0, microsecond=0), business_date(now, configuration.zone)
    # A number for each hour there ever was, so that a refresh is asked for once
    # an hour by its identity alone.
    slot = int(hour.timestamp()) // 3600
    return Occurrence(
        name, today, today, subject, slot, hour, hour + timedelta(hours=1), (), "the calendar is read again"
    )


def _refresh_calendar(decisions: list[Decision], inputs: DecisionInputs) -> Decision | None:
    """Return a RUN of the calendar's scraper when the calendar is old, an hour old on a day with games, or
    contradicted.

    Each reason asks at most once an hour, and not while the calendar's workflow runs anyway.
    """
    configuration = inputs.configuration
    contradiction = _contradicted(inputs)
    # Apart from the hourly refresh, which may have been used up minutes before the scoreboard was read.
    subject = CONTRADICTED if contradiction and not inputs.calendar_is_stale else REFRESH
    occurrence = _refresh_occurrence(configuration, inputs.now, subject)
    # Asked for in this hour; its retries are decided like those of any occurrence.
    if occurrence is None or inputs.standing(occurrence.id) is not None:
        return None
    name, source = occurrence.workflow, configuration.file.calendar.scraper
    if source is None or inputs.pauses.held(name, inputs.now).holds(source):
        return None
    # It fetches the schedule anyway, this very minute.
    if any(item.occurrence.workflow == name and item.action is Action.RUN for item in decisions):
        return None
    if inputs.paused_until(source) is not None:
        return None  # The decisions of its own workflow say so, and all say how old the calendar is.
    if contradiction and subject == CONTRADICTED:
        code = Reason.CALENDAR_CONTRADICTED
        sentence = f"The schedule is read again: {contradiction}."
    # Stale before reread: the same fetch, but a calendar this old is itself worth knowing.
    elif inputs.calendar_is_stale:
        code = Reason.CALENDAR_STALE
        sentence = "The schedule of games is old or missing; it is fetched before it is relied on."
    elif _games_may_change(inputs):
        code = Reason.CALENDAR_REREAD
        sentence = (
            "Games are played today; the schedule is read again for games called off, moved or given a time."
        )
    else:
        return None
    workflow = configuration.workflows[name]
    # The calendar's scraper alone: the workflow's other steps have no reason to run once an hour.
    steps = {step_name: None for step_name, step in workflow.plan.items() if step.scraper == source}
    return _decision(occurrence, None, inputs, Action.RUN, code, sentence, outstanding=Outstanding(steps))


def _contradicted(inputs: DecisionInputs) -> str:
    """Return how the newest scoreboard of an open day contradicts an older calendar; blank when it does not."""
    calendar = inputs.calendar
    if calendar is None:
        return ""
    # The days that occurrences may be about now; a scoreboard of another day can change nothing.
    days = {inputs.today + timedelta(days=offset) for offset in (-1, 0, 1)}
    newest: dict[tuple[str, date], ExecutionFact] = {}
    for fact in inputs.history.slates:
        # What was read before the calendar was is no news to it, and asking again would bring the same.
        if fact.game_date in days and fact.triggered_at > calendar.fetched_at:
            key = (fact.scraper, fact.game_date)
            newest[key] = max(newest.get(key, fact), fact, key=attrgetter("triggered_at"))
    for _, fact in sorted(newest.items()):
        games = {
            "@".join(game.teams): game
            for game in games_of(inputs.configuration, calendar, fact.game_date)
            if len(game.teams) == 2
        }
        others = (game for game in calendar.all_on(fact.game_date) if not game.postponed)
        listed = {"@".join(game.teams) for game in others}
        if said := _difference(fact.slate or {}, games, listed):
            return f"{fact.scraper} of {fact.game_date} {said}"
    return ""


def _difference(slate: Slate, games: Mapping[str, Game], listed: Container[str]) -> str:
    """Say how a scoreboard differs from the calendar's games of the day; blank when it does not.

    games: those that count, by "AWAY@HOME". listed: all that the calendar has played on the day, friendlies too.
    """
    # In order, so that the same two documents give the same sentence.
    for matchup, tipoff in sorted(slate.items()):
        game = games.get(matchup)
        if tipoff is None:
            if game is not None:
                return f"has {matchup} called off, and the calendar has it played"
        elif game is None:
            # A friendly that the calendar knows and does not count is no contradiction.
            if matchup not in listed:
                return f"lists {matchup}, and the calendar does not"
        elif game.tipoff is None:
            return f"has a time for {matchup}, and the calendar has none"
        elif abs(game.tipoff - tipoff) >= MOVED_BY:
            return f"has {matchup} at {tipoff:%H:%M} UTC, and the calendar at {game.tipoff:%H:%M} UTC"
    # After the others: a game that is listed and differs says more than one that is not listed.
    missing = sorted(games.keys() - slate.keys())
    return f"does not list {missing[0]}, and the calendar does" if missing else ""


def _games_may_change(inputs: DecisionInputs) -> bool:
    """Return whether a game of the day is still to begin, and the calendar is older than such a day allows."""
    calendar, every = inputs.calendar, inputs.configuration.file.calendar.reread_on_game_days
    if (
        calendar is None
        or calendar.age(inputs.now) < every
        or inputs.now < local_instant(inputs.today, REREAD_FROM, inputs.configuration.zone)
    ):
        return False
    games = games_of(inputs.configuration, calendar, inputs.today)
    # Once all have begun, no change of today's schedule could matter.
    return any(game.tipoff is None or game.tipoff > inputs.now for game in games)


def _decision(
    occurrence: Occurrence,
    upcoming: Occurrence | None,
    inputs: DecisionInputs,
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
    calendar, now = inputs.calendar, inputs.now
    workflow = inputs.configuration.workflows[occurrence.workflow]
    return Decision(
        occurrence=occurrence,
        action=action,
        code=code,
        sentence=sentence,
        alert_level=workflow.alert_level if alert else AlertLevel.NONE,
        # The next occurrence, not the next tick: that is what people want to know.
        next_check=upcoming.expected if upcoming else None,
        context={
            "expected_run_time": occurrence.expected.isoformat(),
            "deadline": occurrence.deadline.isoformat(),
            "games": len(occurrence.games),
            "calendar_age_minutes": int(calendar.age(now).total_seconds() // 60) if calendar else None,
            "calendar_stale": inputs.calendar_is_stale,
            "history_stale": inputs.history.stale,
            **discovery_context(occurrence, inputs.discovery.get((occurrence.workflow, occurrence.day))),
            **context,
        },
        outstanding=outstanding,
        plan=plan,
        due=due,
    )


def _placeholder(name: str, subject: str, inputs: DecisionInputs) -> Occurrence:
    """Build an occurrence for the day of a workflow that has none."""
    today, now = inputs.today, inputs.now
    return Occurrence(name, today, today, subject, 0, now, now, (), "no occurrence")


def _when(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"

"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and what led to it.

Pure: configuration, calendar, history and the instant are arguments, so the same history gives the same decision.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tipoff_common.clock import business_date, readable
from tipoff_common.events import Action, AlertLevel, PauseTarget
from tipoff_common.outcomes import Status
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.calendar_refresh import CONTRADICTED, REFRESH, refresh_calendar, refresh_occurrence
from tipoff_planning.decision import Decision, DecisionInputs, Reason, decision_about
from tipoff_planning.discovery.accounts import explain_check
from tipoff_planning.discovery.plans import NO_PLANS, DiscoveryPlans
from tipoff_planning.expectations import WHOLE_DAY
from tipoff_planning.history import ExecutionFact, History, subject_of
from tipoff_planning.occurrences import (
    REPORT_UNFOUND_FOR,
    Occurrence,
    agenda,
    game_date_of,
    games_of,
)
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.paused_steps import without_paused
from tipoff_planning.pauses import Pause
from tipoff_planning.plans import asks_for_nothing
from tipoff_planning.progress import PlanProgress, State
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration

LATE_AFTER_MINUTES = 30
"""From when a run is late; the dataset's views say the same."""
# Subjects for decisions without an occurrence of the day; they cannot collide with a real one.
NONE_DUE = "none-due"
UNDECIDED = "undecided"


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
    refreshes = (refresh_occurrence(configuration, now, subject) for subject in (REFRESH, CONTRADICTED))
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
    refresh = refresh_calendar(decisions, inputs)
    return (refresh, *decisions) if refresh else tuple(decisions)


def unable_to_decide(configuration: Configuration, now: datetime) -> tuple[Decision, ...]:
    """ABORT for every workflow: what happened so far cannot be read."""
    # Neither calendar nor history: whatever could not be read, the sentence must be true.
    inputs = DecisionInputs(configuration, None, History(stale=True), now)
    return tuple(
        decision_about(
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
    built = decision_about(occurrence, None, inputs, Action.ABORT, Reason.UNDECIDABLE, _cannot(error))
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
        yield _none_due(name, expected, upcoming, inputs)
    # What is due before what went wrong: the rows of a workflow are read from the top.
    for occurrence in due:
        yield _decide_due(occurrence, upcoming, inputs)
    yield from unhappy


def _none_due(
    name: str, expected: Sequence[Occurrence], upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision:
    """Skip, or abort where games are unknown. expected: all of the workflow around the day."""
    configuration, today = inputs.configuration, inputs.today
    workflow = configuration.workflows[name]
    build = partial(decision_about, upcoming or _placeholder(name, NONE_DUE, inputs), upcoming, inputs)
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
            return build(Action.SKIP, Reason.NO_GAMES, _no_games(game_date, inputs))
        # The schedule is read again every hour of such a day, which picks them up once their times are set.
        if timeless := _timeless(game_date, inputs):
            known = ", ".join(_matchup(game) for game in timeless)
            sentence = f"{len(timeless)} of {len(games)} games on {game_date} have no time yet: {known}."
            return build(Action.SKIP, Reason.TIMES_UNKNOWN, sentence, games_without_time=len(timeless))
    if upcoming is None:
        return build(Action.SKIP, Reason.DAY_DONE, "Nothing more is expected today or tomorrow.")
    when = _when(upcoming.expected, configuration.zone_of(name))
    if upcoming.day > today:
        # Nothing was done on a day on which nothing is planned.
        day_off = all(item.day != today for item in expected)
        today_is = "Nothing is planned today" if day_off else "Today is done"
        return build(Action.SKIP, Reason.DAY_DONE, f"{today_is}; next is {when}.")
    sentence = f"Not due before {when}."
    if name in configuration.needing_games and (timeless := _timeless(game_date, inputs)):
        # The others of the day are planned; these are picked up once the schedule has a time for them.
        sentence += f" No time yet: {', '.join(map(_matchup, timeless))}."
        return build(Action.SKIP, Reason.TOO_EARLY, sentence, games_without_time=len(timeless))
    return build(Action.SKIP, Reason.TOO_EARLY, sentence)


def _no_games(day: date, inputs: DecisionInputs) -> str:
    """Say that there is nothing to fetch, and whether games of the day could be known at all."""
    uncovered = inputs.calendar.uncovered(day) if inputs.calendar else None
    known = f"{uncovered[0].upper()}{uncovered[1:]}" if uncovered else f"No games on {day}"
    return f"{known}, so there is nothing to fetch."


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
    build = partial(decision_about, occurrence, upcoming, inputs, Action.SKIP)
    searches = isinstance(workflow.schedule, Discovery | PerGame)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    # No games, or all found by whichever slot: nothing is wrong.
    if asks_for_nothing(occurrence, workflow) or (searches and outstanding.found):
        return None
    if _was_kept_back(occurrence, outstanding.scrapers(workflow), inputs):
        return None  # somebody stopped it, and so knows
    about = "" if occurrence.subject == WHOLE_DAY else f" of {occurrence.subject}"
    standing = inputs.standing(occurrence.id)
    # Over before the stack was started or the workflow was added: nobody expected it, so nothing was missed.
    if standing is None and occurrence.id not in inputs.locked.get(occurrence.day, (occurrence.id,)):
        return None
    # Somebody triggered it, or another slot came later: what went wrong here is made good.
    if standing is not None and _found_since(occurrence, standing, inputs) is not None:
        return None
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
    sentence += _last_answer(occurrence, inputs)
    return build(Reason.NOT_FOUND, sentence, alert=True)


def _decide_due(occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(decision_about, occurrence, upcoming, inputs)
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
    build = partial(decision_about, occurrence, upcoming, inputs)
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
    last = f" Last: {failure.kind.value if failure.kind else 'failed'}: {failure.message}" if failure else ""
    # Waiting before given up: a retry that is still to come may mend it.
    if State.WAITING in states:
        retry = standing.next_retry()
        zone = inputs.configuration.zone_of(occurrence.workflow)
        again = f"from {_when(retry, zone)} on" if retry else "within the window"
        return build(Action.SKIP, Reason.UNDER_WAY, f"Failed; it is asked for again {again}.{last}")
    # The plan is frozen, but what it did not find may have been found since, by a manual run for example.
    if (found := _found_since(occurrence, standing, inputs)) is not None:
        when = _when(found, inputs.configuration.zone_of(occurrence.workflow))
        sentence = f"Already found for {game_date} at {when}, by another run after this one."
        return build(Action.SKIP, Reason.ALREADY_FOUND, sentence)
    if State.GIVEN_UP in states:
        sentence = (
            f"Failed, and asking again before the next slot would not help.{_last_answer(occurrence, inputs)}"
        )
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


def _found_since(occurrence: Occurrence, standing: PlanProgress, inputs: DecisionInputs) -> datetime | None:
    """Return when the last of what a plan asked for in vain was found by another run; None while any of it was not."""
    configuration, history = inputs.configuration, inputs.history
    if isinstance(configuration.workflows[occurrence.workflow].schedule, Discovery | PerGame):
        if not find_outstanding(occurrence, configuration, history).found:
            return None
    # Of the other kinds nothing tells whether what was never asked for is there in the version that this slot wants.
    elif standing.skipped:
        return None
    found: list[datetime] = []
    for unit, answer in standing.unfound():
        subject = subject_of(unit.parameters, configuration.subject_parameters)
        known = history.found(unit.scraper, occurrence.game_date, subject)
        # An earlier find is the version that this slot wanted a later one of.
        if answer is None or known is None or known[1] <= answer.triggered_at:
            return None
        found.append(known[1])
    return max(found, default=None)


class _Answer(NamedTuple):
    """The newest answer to a unit that a plan did not find."""

    fact: ExecutionFact
    by_another: bool
    """Whether another run got the answer, for example a manual one."""


def _newest_answers(occurrence: Occurrence, inputs: DecisionInputs) -> list[_Answer]:
    """Return the newest answer to each unit that a plan did not find, the oldest of them first."""
    standing = inputs.standing(occurrence.id)
    newest: list[_Answer] = []
    for unit, own in standing.unfound() if standing else ():
        subject = subject_of(unit.parameters, inputs.configuration.subject_parameters)
        other = inputs.history.newest(unit.scraper, occurrence.game_date, subject)
        later = other is not None and (own is None or other.triggered_at > own.triggered_at)
        if other is not None and later and other.status is not Status.SUCCESS:
            newest.append(_Answer(other, by_another=True))
        elif own is not None:
            newest.append(_Answer(own, by_another=False))
    return sorted(newest, key=lambda it: (it.fact.triggered_at, it.fact.request_id))


def _told(answers: Sequence[_Answer], occurrence: Occurrence, inputs: DecisionInputs) -> str:
    """Repeat the newest of some answers: an empty page, say, or a refusal. Where another run got it, when that was."""
    if not answers:
        return ""
    answer, by_another = answers[-1]
    told = answer.message
    if answer.status is Status.FAILED:
        told = f"{answer.kind.value if answer.kind else 'failed'}: {answer.message or 'no message'}"
    if not by_another:
        return f" Last: {told}" if told else ""
    when = _when(answer.triggered_at, inputs.configuration.zone_of(occurrence.workflow))
    return f" Last, by another run at {when}: {told or 'no data'}"


def _last_answer(occurrence: Occurrence, inputs: DecisionInputs) -> str:
    """Repeat the newest answer of what a plan did not find."""
    return _told(_newest_answers(occurrence, inputs), occurrence, inputs)


def _nothing_published(
    occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision:
    """SKIP; aloud when the workflow has found nothing many times in a row. A search says so when its window closes."""
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(decision_about, occurrence, upcoming, inputs, Action.SKIP)
    answers = _newest_answers(occurrence, inputs)
    # The plan itself has no failure here, so another run failed after it asked.
    if failures := [it for it in answers if it.fact.status is Status.FAILED]:
        sentence = (
            f"Asked for {occurrence.game_date}, and failed since; the next slot asks again."
            f"{_told(failures, occurrence, inputs)}"
        )
        return build(Reason.BUDGET_USED, sentence, alert=True)
    last = _told(answers, occurrence, inputs)
    # A set, as this occurrence is among them once its execution is logged.
    looks = {*inputs.empty_looks.get(occurrence.workflow, ()), occurrence.id}
    if isinstance(workflow.schedule, Discovery | PerGame) or len(looks) < workflow.alert_after_empty_looks:
        return build(Reason.NOT_PUBLISHED, f"Asked for {occurrence.game_date}: not published yet.{last}")
    sentence = f"Nothing was published the last {len(looks)} times; check whether the source has moved.{last}"
    return build(Reason.NOTHING_FOR_LONG, sentence, alert=True, empty_looks=len(looks))


def _placeholder(name: str, subject: str, inputs: DecisionInputs) -> Occurrence:
    """Build an occurrence for the day of a workflow that has none."""
    today, now = inputs.today, inputs.now
    return Occurrence(name, today, today, subject, 0, now, now, (), "no occurrence")


def _when(instant: datetime, zone: ZoneInfo) -> str:
    return readable(instant, zone)

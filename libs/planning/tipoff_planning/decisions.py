"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and the facts behind it.

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
from tipoff_planning.calendar import Game
from tipoff_planning.calendar_refresh import CONTRADICTED, REFRESH, refresh_calendar, refresh_occurrence
from tipoff_planning.decision import Decision, DecisionInputs, decision_about
from tipoff_planning.discovery.accounts import explain_check
from tipoff_planning.expectations import WHOLE_DAY
from tipoff_planning.history import ExecutionFact, History, subject_of
from tipoff_planning.occurrences import (
    REPORT_UNFOUND_FOR,
    Agenda,
    Occurrence,
    game_date_of,
    games_of,
)
from tipoff_planning.outstanding import Outstanding, find_outstanding
from tipoff_planning.paused_steps import without_paused
from tipoff_planning.pauses import Pause
from tipoff_planning.plans import requests_nothing
from tipoff_planning.progress import PlanProgress, State
from tipoff_planning.reasons import Reason
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration

LATE_AFTER_MINUTES = 30
"""Minutes after which a run counts as late; the dataset's views use the same number."""
# Subjects for decisions without an occurrence of the day; they cannot collide with a real one.
NONE_DUE = "none-due"
UNDECIDED = "undecided"


def considered(configuration: Configuration, agenda: Agenda, now: datetime) -> tuple[Occurrence, ...]:
    """Return the occurrences whose plans a decision at `now` needs: those that are due, the last of each search or
    stretch that has ended, and the refresh of the calendar.

    around: the agenda of the business day of `now`.
    """
    found: list[Occurrence] = []
    for _, expected in agenda:
        come = [item for item in expected if item.expected <= now]
        found += [item for item in come if now < item.deadline]
        found += _ended(come, now, configuration.zone)
    # The log of a refresh shows whether it ran in this hour; the controller has to read that log like any other.
    refreshes = (refresh_occurrence(configuration, now, subject) for subject in (REFRESH, CONTRADICTED))
    return (*found, *(item for item in refreshes if item is not None))


def decide(inputs: DecisionInputs) -> tuple[Decision, ...]:
    """Return a decision for every due occurrence, a decision for every workflow without one, and the refresh of a
    stale calendar."""
    decisions: list[Decision] = []
    for name, expected in inputs.expected:
        try:
            decisions += _of_workflow(name, expected, inputs)
        except Exception as error:  # noqa: BLE001  # one workflow's history must not stop the others
            decisions.append(_undecidable(_placeholder(name, UNDECIDED, inputs), inputs, error))
    # Last: the refresh is omitted when the calendar's own workflow is among the decisions to run.
    refresh = refresh_calendar(decisions, inputs)
    return (refresh, *decisions) if refresh else tuple(decisions)


def unable_to_decide(configuration: Configuration, now: datetime) -> tuple[Decision, ...]:
    """Return ABORT for every workflow, because the history cannot be read."""
    # Without calendar and history, as either may be the unreadable one and the sentence must be true for both.
    inputs = DecisionInputs(configuration, None, History(stale=True), now)
    return tuple(
        decision_about(
            _placeholder(name, UNDECIDED, inputs),
            None,
            inputs,
            Action.ABORT,
            Reason.HISTORY_UNAVAILABLE,
            "No decision is possible: the history or the calendar is unreadable. The controller's log has the error.",
            alert=True,
        )
        for name in configuration.workflows
    )


def undecidable(decision: Decision, now: datetime, error: Exception) -> Decision:
    """Return ABORT in place of a decision that cannot be carried out."""
    return replace(
        decision,
        action=Action.ABORT,
        code=Reason.UNDECIDABLE,
        sentence=_undecidable_sentence(error),
        # An operator has to look into it, however low the workflow's own alert level is.
        alert_level=AlertLevel.CRITICAL,
        context={"decided_at": now.isoformat()},
        outstanding=None,
        plan=None,
        due=(),
    )


def _undecidable(occurrence: Occurrence, inputs: DecisionInputs, error: Exception) -> Decision:
    built = decision_about(
        occurrence, None, inputs, Action.ABORT, Reason.UNDECIDABLE, _undecidable_sentence(error)
    )
    return replace(built, alert_level=AlertLevel.CRITICAL)


def _undecidable_sentence(error: Exception) -> str:
    return f"The decision about this workflow failed; the other workflows were decided: {type(error).__name__}: {error}"


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
    # Every workflow gets a row: without it a quiet workflow and a crashed controller look the same.
    if not due and not unhappy:
        yield _none_due(name, expected, upcoming, inputs)
    # Due occurrences before failed ones: people read the rows of a workflow from the top.
    for occurrence in due:
        yield _decide_due(occurrence, upcoming, inputs)
    yield from unhappy


def _none_due(
    name: str, expected: Sequence[Occurrence], upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision:
    """Return SKIP, or ABORT where games are unknown. expected: all occurrences of the workflow around the day."""
    configuration, today = inputs.configuration, inputs.today
    workflow = configuration.workflows[name]
    build = partial(decision_about, upcoming or _placeholder(name, NONE_DUE, inputs), upcoming, inputs)
    # ABORT and not SKIP: "no games" would be a statement about the day, and the calendar is not there to support it.
    if name in configuration.needing_games and inputs.calendar is None:
        sentence = f"No schedule of games has landed yet; {configuration.file.calendar.scraper} has to succeed first."
        return build(Action.ABORT, Reason.NO_CALENDAR, sentence, alert=True)
    # Not always `today`: a same-night window collects the games of the day before.
    game_date = game_date_of(workflow.schedule, today)
    # Only when no occurrence is left today: an upcoming occurrence implies that the day has games.
    if (upcoming is None or upcoming.day > today) and name in configuration.needing_games:
        games = games_of(configuration, inputs.calendar, game_date)
        if not games:
            return build(Action.SKIP, Reason.NO_GAMES, _no_games(game_date, inputs))
        # The controller refetches the schedule every hour of such a day and plans these games once they have times.
        if timeless := _timeless(game_date, inputs):
            matchups = ", ".join(_matchup(game) for game in timeless)
            sentence = f"{len(timeless)} of {len(games)} games on {game_date} have no time yet: {matchups}."
            return build(Action.SKIP, Reason.TIMES_UNKNOWN, sentence, games_without_time=len(timeless))
    if upcoming is None:
        return build(Action.SKIP, Reason.DAY_DONE, "Nothing more is expected today or tomorrow.")
    when = _when(upcoming.expected, configuration.zone_of(name))
    if upcoming.day > today:
        # "Today is done" would be wrong on a day without planned occurrences.
        day_off = all(item.day != today for item in expected)
        today_is = "Nothing is planned today" if day_off else "Today is done"
        return build(Action.SKIP, Reason.DAY_DONE, f"{today_is}; next is {when}.")
    sentence = f"Not due before {when}."
    if name in configuration.needing_games and (timeless := _timeless(game_date, inputs)):
        # The day's other games are planned; these follow once the schedule has a time for them.
        sentence += f" No time yet: {', '.join(map(_matchup, timeless))}."
        return build(Action.SKIP, Reason.TOO_EARLY, sentence, games_without_time=len(timeless))
    return build(Action.SKIP, Reason.TOO_EARLY, sentence)


def _no_games(day: date, inputs: DecisionInputs) -> str:
    """Return a sentence that there is nothing to fetch, either without games or outside of the calendar."""
    uncovered = inputs.calendar.uncovered(day) if inputs.calendar else None
    statement = f"{uncovered[0].upper()}{uncovered[1:]}" if uncovered else f"No games on {day}"
    return f"{statement}, so there is nothing to fetch."


def _timeless(day: date, inputs: DecisionInputs) -> list[Game]:
    """Return the day's games without a tip-off time."""
    return [game for game in games_of(inputs.configuration, inputs.calendar, day) if game.tipoff is None]


def _matchup(game: Game) -> str:
    teams = "@".join(game.teams) if len(game.teams) == 2 else "teams undecided"
    return f"{game.game_id} ({teams})"


def _ended(come: Sequence[Occurrence], now: datetime, zone: ZoneInfo) -> list[Occurrence]:
    """Return the last occurrence of each day and subject once its deadline has passed. It is returned until the
    business day ends, and for at least REPORT_UNFOUND_FOR, as windows may close at midnight or after it."""
    today = business_date(now, zone)
    # `come` is sorted by time, so the last occurrence of each key wins: a search ends with its last slot.
    last = {(item.day, item.subject): item for item in come}
    return [
        item
        for item in last.values()
        if item.deadline <= now and (item.day == today or now - item.deadline < REPORT_UNFOUND_FOR)
    ]


def _decide_ended(
    occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision | None:
    """Report an ended search or stretch that is incomplete; None when nothing is wrong."""
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(decision_about, occurrence, upcoming, inputs, Action.SKIP)
    searches = isinstance(workflow.schedule, Discovery | PerGame)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    # Nothing to fetch, or some slot has found everything: nothing is wrong.
    if requests_nothing(occurrence, workflow) or (searches and outstanding.found):
        return None
    if explaining_pause(occurrence, outstanding.scrapers(workflow), inputs) is not None:
        return None  # a person paused it and so knows about the gap
    about = "" if occurrence.subject == WHOLE_DAY else f" of {occurrence.subject}"
    standing = inputs.standing(occurrence.id)
    # Ended before the stack was started or the workflow was added: no schedule expected it, so it was not missed.
    if standing is None and occurrence.id not in inputs.locked.get(occurrence.day, (occurrence.id,)):
        return None
    # A manual run or a later slot has found the missing data since.
    if standing is not None and _found_since(occurrence, standing, inputs) is not None:
        return None
    # Report failing before missing: a broken scraper needs a fix, a late source only needs patience.
    failure = standing.last_failure() if standing else None
    if failure is not None:
        sentence = (
            f"The window closed and {failure.scraper} kept failing for {occurrence.game_date}{about}."
            f" Last: {failure.kind.value if failure.kind else 'failed'}: {failure.message or 'no message'}"
        )
        kind = failure.kind.value if failure.kind else None
        return build(
            Reason.SOURCE_FAILING, sentence, alert=True, failing_scraper=failure.scraper, error_type=kind
        )
    # Other kinds request once per occurrence; the decision of that time has already reported an empty result.
    if not searches:
        return None
    sentence = f"The publication window closed before all data for {occurrence.game_date}{about} was found."
    if outstanding.missing:
        sentence += f" Missing: {', '.join(outstanding.missing)}."
    sentence += _last_answer(occurrence, inputs)
    return build(Reason.NOT_FOUND, sentence, alert=True)


def _decide_due(occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs) -> Decision:
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(decision_about, occurrence, upcoming, inputs)
    # Decided before: the plan is frozen, and later finds of other runs do not change its requests.
    if (standing := inputs.standing(occurrence.id)) is not None:
        return _decide_planned(occurrence, upcoming, standing, inputs)
    if requests_nothing(occurrence, workflow):
        sentence = (
            f"No games or teams are known for {occurrence.game_date} yet, so there is nothing to request."
        )
        return build(Action.SKIP, Reason.NO_GAMES, sentence)
    zone = inputs.configuration.zone_of(occurrence.workflow)
    outstanding = find_outstanding(occurrence, inputs.configuration, inputs.history)
    when = _when(occurrence.expected, zone)
    refreshes = (
        outstanding.found and occurrence.role != "search" and outstanding.refresh_due(occurrence, workflow)
    )
    # A find is final unless the schedule configures a search for later versions.
    if outstanding.found and not refreshes:
        first = _when(outstanding.first_found, zone) if outstanding.first_found else when
        sentence = f"Already found for {occurrence.game_date} at {first}."
        return build(Action.SKIP, Reason.ALREADY_FOUND, sentence)
    # A refresh slot is extra; a search request in it would exceed the search's budget.
    if not outstanding.found and occurrence.role == "refresh":
        sentence = (
            f"Not found yet, and this slot looks for later versions only. {_next_search(upcoming, zone)}"
        )
        return build(Action.SKIP, Reason.SUPERSEDED, sentence)
    # A refresh requests the whole workflow again.
    unpaused = without_paused(
        Outstanding() if refreshes else outstanding, occurrence.workflow, workflow, inputs.pauses, inputs.now
    )
    # Every outstanding part is paused.
    if unpaused.outstanding is None:
        return build(Action.SKIP, Reason.PAUSED, _paused_sentence(unpaused.pauses[0], zone))
    without = f" Without {unpaused.describe(zone)}." if unpaused.pauses else ""
    if refreshes:
        since = _when(outstanding.last_found, zone) if outstanding.last_found else "-"
        sentence = f"Found at {since}; looking for a later version.{without}"
        return build(Action.RUN, Reason.REFRESH, sentence, outstanding=unpaused.outstanding)
    outstanding = unpaused.outstanding
    names = outstanding.scrapers(workflow)
    # Skip only if every source is paused; otherwise the runner fails the paused part without contacting its host.
    if names and all(inputs.paused_until(name) for name in names):
        return _paused(names, build, inputs)
    late = int((inputs.now - occurrence.expected).total_seconds() // 60)
    sentence = f"Due since {when}: {', '.join(names)}."
    if outstanding.missing:
        sentence += f" The data found so far lacks {', '.join(outstanding.missing)}."
    if late > LATE_AFTER_MINUTES:
        sentence += f" Late by {late} minutes."
    # For a learned search: the reason for this time, with the probability that the plan assumed.
    sentence += explain_check(occurrence, inputs.discovery.get((occurrence.workflow, occurrence.day)))
    sentence += without
    code = Reason.INCOMPLETE if outstanding.missing else Reason.DUE
    return build(Action.RUN, code, sentence, outstanding=outstanding, late_minutes=late, slot=occurrence.slot)


def _next_search(upcoming: Occurrence | None, zone: ZoneInfo) -> str:
    return f"Next is {_when(upcoming.expected, zone)}." if upcoming else "Nothing more is planned today."


def _decide_planned(
    occurrence: Occurrence, upcoming: Occurrence | None, standing: PlanProgress, inputs: DecisionInputs
) -> Decision:
    """Decide about an occurrence with a frozen plan: RUN its due attempts, else SKIP with the plan's state."""
    states = set(standing.counts)
    build = partial(decision_about, occurrence, upcoming, inputs)
    game_date = occurrence.game_date
    held = inputs.pauses.held(occurrence.workflow, inputs.now)
    attempts = standing.due(inputs.now, held)
    if due := [item for item in attempts if inputs.paused_until(item.unit.scraper) is None]:
        names = ", ".join(dict.fromkeys(attempt.unit.scraper for attempt in due))
        return build(
            Action.RUN, Reason.PARTLY_DUE, f"Still missing: {names}.", plan=standing.plan, due=tuple(due)
        )
    # Before the states below: a request under way may still change any of them.
    if State.UNDER_WAY in states:
        return build(Action.SKIP, Reason.UNDER_WAY, "Requested; no result yet.")
    # Attempts are due, but each source has asked for a pause.
    if attempts:
        return _paused([item.unit.scraper for item in attempts], build, inputs)
    if (pause := _holding_back(standing, occurrence.workflow, inputs)) is not None:
        sentence = _paused_sentence(pause, inputs.configuration.zone_of(occurrence.workflow))
        return build(Action.SKIP, Reason.PAUSED, sentence)
    failure = standing.last_failure()
    last = f" Last: {failure.kind.value if failure.kind else 'failed'}: {failure.message}" if failure else ""
    # Waiting before given up: a pending retry may still succeed.
    if State.WAITING in states:
        retry = standing.next_retry()
        zone = inputs.configuration.zone_of(occurrence.workflow)
        again = f"from {_when(retry, zone)} on" if retry else "within the window"
        return build(Action.SKIP, Reason.UNDER_WAY, f"Failed; a retry follows {again}.{last}", again=retry)
    # The plan is frozen, but another run (a manual one, for example) may have found its missing parts since.
    if (found := _found_since(occurrence, standing, inputs)) is not None:
        when = _when(found, inputs.configuration.zone_of(occurrence.workflow))
        sentence = f"Already found for {game_date} at {when}, by another run after this one."
        return build(Action.SKIP, Reason.ALREADY_FOUND, sentence)
    if State.GIVEN_UP in states:
        sentence = f"Failed; a retry before the next slot would not help.{_last_answer(occurrence, inputs)}"
        return build(Action.SKIP, Reason.BUDGET_USED, sentence, alert=True)
    # Not broken and not found, the usual state of a search: no alert.
    if State.NO_DATA in states:
        return _nothing_published(occurrence, upcoming, inputs)
    if lacking := find_outstanding(occurrence, inputs.configuration, inputs.history).missing:
        sentence = (
            f"Found for {game_date} without {', '.join(lacking)}; this slot is done, the next searches again."
        )
        return build(Action.SKIP, Reason.INCOMPLETE, sentence)
    return build(Action.SKIP, Reason.ALREADY_FOUND, f"Everything for {game_date} was collected.")


def _paused(scrapers: Sequence[str], build: Callable[..., Decision], inputs: DecisionInputs) -> Decision:
    """Return SKIP, because the source of every scraper to request has asked for a pause."""
    until = min(pause for name in scrapers if (pause := inputs.paused_until(name)) is not None)
    names = ", ".join(dict.fromkeys(scrapers))
    sentence = f"{names}: the source allows no requests before {_when(until, inputs.configuration.zone)}."
    return build(Action.SKIP, Reason.SOURCE_PAUSED, sentence, alert=True, again=until)


def explaining_pause(occurrence: Occurrence, scrapers: Sequence[str], inputs: DecisionInputs) -> Pause | None:
    """Return the pause that explains why an ended occurrence is incomplete: a pause in force now, when the window
    closed, or at any time of a window without requests."""
    name, now, closed = occurrence.workflow, inputs.now, occurrence.deadline
    # Without any request a pause at any time of the window explains the gap.
    # Otherwise only a pause at its end does.
    start = occurrence.expected if inputs.standing(occurrence.id) is None else closed - timedelta(seconds=1)
    windows = ((now, now + timedelta(seconds=1)), (start, closed))
    found = (inputs.pauses.holding_pause(name, scrapers, *window) for window in windows)
    return next(filter(None, found), None)


def _holding_back(standing: PlanProgress, workflow: str, inputs: DecisionInputs) -> Pause | None:
    """Return the pause that holds back a unit not found yet; None without such a pause."""
    if not inputs.pauses.standing(inputs.now):
        return None  # saves a pass over every unit of a large plan when nothing is paused
    unfound = [item.unit.scraper for item in standing.units() if item.state is not State.SUCCESS]
    if not unfound:
        return None
    workflow_pause = inputs.pauses.of_workflow(workflow, inputs.now)
    return workflow_pause or next(iter(inputs.pauses.of_scrapers(unfound, inputs.now).values()), None)


def _paused_sentence(pause: Pause, zone: ZoneInfo) -> str:
    state = "Paused" if pause.target is PauseTarget.WORKFLOW else f"{pause.name} is paused"
    return f"{state} by {pause.by} until {_when(pause.until, zone)}: {pause.why}"


def _found_since(occurrence: Occurrence, standing: PlanProgress, inputs: DecisionInputs) -> datetime | None:
    """Return when other runs had found every unit that the plan did not find; None while any unit is unfound."""
    configuration, history = inputs.configuration, inputs.history
    if isinstance(configuration.workflows[occurrence.workflow].schedule, Discovery | PerGame):
        if not find_outstanding(occurrence, configuration, history).found:
            return None
    # The other kinds want the version of this slot, and a skipped step has no request to compare a find with.
    elif standing.skipped:
        return None
    found: list[datetime] = []
    for unit, answer in standing.unfound():
        subject = subject_of(unit.parameters, configuration.subject_parameters)
        successes = history.found(unit.scraper, occurrence.game_date, subject)
        # A find from before the request is an older version than this slot wants.
        if answer is None or successes is None or successes[1] <= answer.triggered_at:
            return None
        found.append(successes[1])
    return max(found, default=None)


class _Answer(NamedTuple):
    """The newest answer to a unit that a plan did not find."""

    fact: ExecutionFact
    by_another: bool
    """Whether another run got the answer, for example a manual one."""


def _newest_answers(occurrence: Occurrence, inputs: DecisionInputs) -> list[_Answer]:
    """Return the newest answer to each unit that the plan did not find, sorted from oldest to newest."""
    standing = inputs.standing(occurrence.id)
    newest: list[_Answer] = []
    for unit, own_fact in standing.unfound() if standing else ():
        subject = subject_of(unit.parameters, inputs.configuration.subject_parameters)
        other = inputs.history.newest(unit.scraper, occurrence.game_date, subject)
        later = other is not None and (own_fact is None or other.triggered_at > own_fact.triggered_at)
        if other is not None and later and other.status is not Status.SUCCESS:
            newest.append(_Answer(other, by_another=True))
        elif own_fact is not None:
            newest.append(_Answer(own_fact, by_another=False))
    return sorted(newest, key=lambda it: (it.fact.triggered_at, it.fact.request_id))


def _quote_newest(answers: Sequence[_Answer], occurrence: Occurrence, inputs: DecisionInputs) -> str:
    """Quote the newest answer, an empty page or a refusal for example; with its time if another run got it."""
    if not answers:
        return ""
    answer, by_another = answers[-1]
    text = answer.message
    if answer.status is Status.FAILED:
        text = f"{answer.kind.value if answer.kind else 'failed'}: {answer.message or 'no message'}"
    if not by_another:
        return f" Last: {text}" if text else ""
    when = _when(answer.triggered_at, inputs.configuration.zone_of(occurrence.workflow))
    return f" Last, by another run at {when}: {text or 'no data'}"


def _last_answer(occurrence: Occurrence, inputs: DecisionInputs) -> str:
    """Quote the newest answer to the units that the plan did not find."""
    return _quote_newest(_newest_answers(occurrence, inputs), occurrence, inputs)


def _nothing_published(
    occurrence: Occurrence, upcoming: Occurrence | None, inputs: DecisionInputs
) -> Decision:
    """Return SKIP, with an alert after many empty occurrences in a row. A search alerts when its window closes."""
    workflow = inputs.configuration.workflows[occurrence.workflow]
    build = partial(decision_about, occurrence, upcoming, inputs, Action.SKIP)
    answers = _newest_answers(occurrence, inputs)
    # The plan itself has no failure here, so another run failed after the plan's request.
    if failures := [it for it in answers if it.fact.status is Status.FAILED]:
        sentence = (
            f"Requested for {occurrence.game_date} without a result, and a later run failed; the next slot retries."
            f"{_quote_newest(failures, occurrence, inputs)}"
        )
        return build(Reason.BUDGET_USED, sentence, alert=True)
    last = _quote_newest(answers, occurrence, inputs)
    # A set, as `empty_looks` includes this occurrence once its execution is logged.
    looks = {*inputs.empty_looks.get(occurrence.workflow, ()), occurrence.id}
    if isinstance(workflow.schedule, Discovery | PerGame) or len(looks) < workflow.alert_after_empty_looks:
        return build(Reason.NOT_PUBLISHED, f"Requested for {occurrence.game_date}: not published yet.{last}")
    sentence = (
        f"The last {len(looks)} runs found nothing published; check whether the source has moved.{last}"
    )
    return build(Reason.NOTHING_FOR_LONG, sentence, alert=True, empty_looks=len(looks))


def _placeholder(name: str, subject: str, inputs: DecisionInputs) -> Occurrence:
    """Build a placeholder for a workflow without an occurrence on the day."""
    today, now = inputs.today, inputs.now
    return Occurrence(name, today, today, subject, 0, now, now, (), "no occurrence")


def _when(instant: datetime, zone: ZoneInfo) -> str:
    return readable(instant, zone)

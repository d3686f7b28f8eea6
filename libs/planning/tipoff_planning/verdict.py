"""Verdict on a day, computed by one pure function for `tipoff status`, the monitor and the console.

The verdict judges each scraper of each workflow and subject (a game, or the day) by its latest attempts. Red: the fault
will not resolve by itself. Yellow: another attempt is to come, or the fault is over.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum

from pydantic import Field

from tipoff_common.clock import Instant, business_date, fleet_clock, local_instant, readable
from tipoff_common.words import pluralize
from tipoff_planning.expectations import WHOLE_DAY, DayExpectations, Expectation, StepOutcome
from tipoff_planning.frozen import Frozen
from tipoff_planning.reasons import Reason

# Longer than the tick's redeliveries, which back off for up to ten minutes and should come first.
LOCK_GRACE = timedelta(minutes=30)
"""Time from the tick that locks a day's schedule until the controller locks it without the tick, and until verdicts
rely on it."""
LOCKS_AT = time(5)
"""Time of day of that tick where no ticks file is read; infra/ticks.yaml has the same."""

GIVEN_UP = frozenset({Reason.BUDGET_USED, Reason.NOT_FOUND})
"""Last reason codes of an occurrence that makes no further request before its next slot."""
HOPELESS_STREAK = 3
"""Number of failed occurrences in a row after which a further attempt is not expected to help."""
# Longer than the lease, so that the controller fails an expired request itself before a person is alerted.
EXECUTED_WITHIN = timedelta(minutes=30)
"""Limit from a RUN to its first execution; the runner's lease is shorter."""
SILENT_AFTER = timedelta(minutes=40)
"""Time without any decision (two evaluations) after which no controller is deciding."""


class Color(StrEnum):
    """Severity of a verdict, from good to bad."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"

    @property
    def rank(self) -> int:
        """Return 0 for green, 1 for yellow, 2 for red: the exit code of `tipoff status`."""
        return list(Color).index(self)


class FaultKind(StrEnum):
    """Kind of fault of a day."""

    NOT_LOCKED = "not_locked"  # the day's schedule was not locked
    NOTHING_DECIDED = "nothing_decided"  # no decision for two evaluations
    MISSING = "missing"  # an expected occurrence passed its deadline without a run
    SOURCE_PAUSED = "source_paused"  # due, and not run because its sources asked for a pause
    NOT_EXECUTED = "not_executed"  # decided and requested, and not executed
    FAILING = "failing"  # the latest attempts of a step failed, or it was left out for a parent that failed
    FOUND_NOTHING = "found_nothing"  # all attempts of the step or its parent were no_data, none is to come


class Fault(Frozen):
    """One fault of a day, with the workflow, scraper and subject it affects."""

    kind: FaultKind
    color: Color
    workflow: str | None = Field(default=None, description="null for a fault of the whole system")
    scraper: str | None = None
    subject: str = Field(default=WHOLE_DAY, description="game or team, - for the whole day")
    since: Instant
    count: int = Field(default=1, description="number of affected occurrences or attempts")
    sentence: str = Field(description="the fault in one sentence, for people")
    error: str | None = Field(default=None, description="the source's or runner's error message")
    error_type: str | None = Field(default=None, description="kind of the newest failure")
    paused: bool = Field(
        default=False,
        description="a red fault shown yellow, because a person paused its workflow or scraper",
    )


class WorkflowVerdict(Frozen):
    """One workflow on one day."""

    workflow: str
    priority: str
    color: Color
    sentence: str
    statuses: Mapping[str, int] = Field(description="occurrences by status")
    next_check: Instant | None = None
    faults: tuple[Fault, ...] = ()


class DayVerdict(Frozen):
    """Verdict on one day, with those of its workflows."""

    color: Color
    headline: str
    workflows: tuple[WorkflowVerdict, ...]
    faults: tuple[Fault, ...] = Field(description="worst first")


def judge_day(
    day: DayExpectations, names: Mapping[str, str] = {}, *, locks_at: time = LOCKS_AT
) -> DayVerdict:
    """Judge a day's expectations as of `day.as_of`.

    names: matchups by game id.
    locks_at: time of day of the tick that locks the day's schedule.
    """
    # Cancelled rows included: a day whose games were all called off was expected, and is all right.
    rows = day.expectations
    system = list(_system_faults(day, locks_at))
    by_workflow: dict[str, list[Expectation]] = {}
    for row in rows:
        by_workflow.setdefault(row.workflow_name, []).append(row)
    workflows = tuple(_judge_workflow(name, own, day.as_of, names) for name, own in by_workflow.items())
    faults = [*system, *(fault for workflow in workflows for fault in workflow.faults)]
    # Worst first, then oldest first: the headline is the first fault.
    faults.sort(key=lambda fault: (-fault.color.rank, fault.since))
    color = max((fault.color for fault in faults), key=lambda found: found.rank, default=Color.GREEN)
    return DayVerdict(
        color=color,
        headline=_headline(color, faults, day),
        workflows=workflows,
        faults=tuple(faults),
    )


def _headline(color: Color, faults: Sequence[Fault], day: DayExpectations) -> str:
    if day.is_unknown and day.known_since is not None:
        oldest = business_date(day.known_since)
        if oldest > day.date:
            return f"no data for that day: the oldest schedule or decision is from {oldest}"
        return f"no data by that time: the oldest schedule or decision is from {readable(day.known_since)}"
    # People need to distinguish a day off from a morning before the schedule is locked.
    if not day.expectations and not faults:
        return "nothing is expected on this day" if day.idle else "nothing is expected yet"
    if color is Color.GREEN:
        return "all right"
    worst = [fault for fault in faults if fault.color is color]
    more = f", and {pluralize(len(worst) - 1, 'more fault')}" if len(worst) > 1 else ""
    return f"{worst[0].sentence}{more}"


def _system_faults(day: DayExpectations, locks_at: time) -> Iterator[Fault]:
    # No controller was running that could have locked or decided.
    if day.is_unknown:
        return
    locked_by = local_instant(day.date, locks_at) + LOCK_GRACE
    # Without the rows left over from last night, which were locked yesterday.
    own = [row for row in day.expectations if row.date == day.date]
    # A day off has no schedule rows, and its decisions give the reason.
    if not own and day.as_of >= locked_by and not day.idle:
        yield Fault(
            kind=FaultKind.NOT_LOCKED,
            color=Color.RED,
            since=locked_by,
            sentence=f"no schedule was locked for {day.date}",
        )
    # Decisions come every quarter of an hour, day and night; only the current day can lack them.
    decided, is_today = day.last_decided_at, day.date == business_date(day.as_of)
    if is_today and decided is None:
        # A new installation before its first evaluation, or one that has been down for days: never green, and red by
        # NOT_LOCKED from the time by which it would have locked a schedule.
        yield Fault(
            kind=FaultKind.NOTHING_DECIDED,
            color=Color.YELLOW,
            since=day.as_of,
            sentence="nothing was decided in the last two days",
        )
    elif decided is not None and is_today and day.as_of - decided > SILENT_AFTER:
        yield Fault(
            kind=FaultKind.NOTHING_DECIDED,
            color=Color.RED,
            since=decided,
            sentence=f"nothing has been decided since {_clock(decided)}",
        )


def _judge_workflow(
    name: str, rows: Sequence[Expectation], as_of: datetime, names: Mapping[str, str]
) -> WorkflowVerdict:
    faults: list[Fault] = []
    for subject in dict.fromkeys(row.subject or WHOLE_DAY for row in rows):
        # Judge each subject by itself: eight found games must not hide the ninth.
        own = [row for row in rows if (row.subject or WHOLE_DAY) == subject and row.status != "CANCELLED"]
        own.sort(key=lambda row: row.expected_run_time)
        faults += _judge_subject(name, subject, own, as_of, names)
    # Before LOW faults become yellow: the sentence names a pause for any priority.
    faults = [_unless_paused(fault, rows, as_of) for fault in faults]
    # A workflow of LOW priority never turns a day red.
    if rows[0].priority == "LOW":
        faults = [fault.model_copy(update={"color": Color.YELLOW}) for fault in faults]
    faults.sort(key=lambda fault: (-fault.color.rank, fault.since))
    # The next check of the newest decision may lie within a later pause, during which nothing is checked.
    pauses = [row.paused_until for row in rows if row.paused_until and row.paused_until > as_of]
    checks = [max([row.next_check_time, *pauses]) for row in rows if row.next_check_time]
    upcoming = [at for at in checks if at > as_of]
    return WorkflowVerdict(
        workflow=name,
        priority=rows[0].priority or "MEDIUM",
        color=faults[0].color if faults else Color.GREEN,
        sentence=_summary(faults, rows, as_of),
        statuses=Counter(row.status for row in rows),
        next_check=min(upcoming, default=None),
        faults=tuple(faults),
    )


def _unless_paused(fault: Fault, rows: Sequence[Expectation], as_of: datetime) -> Fault:
    """Make a red fault yellow while its workflow or its scraper is paused."""
    untils = [row.paused_until for row in rows]
    if fault.scraper is not None:
        untils += [it.scraper_paused_until for row in rows for it in row.steps if it.scraper == fault.scraper]
    until = max((it for it in untils if it is not None and it > as_of), default=None)
    # A yellow fault will resolve by itself or has done so; the pause is not its cause.
    if until is None or fault.color is not Color.RED:
        return fault
    sentence = f"{fault.sentence}, and is paused until {_day_clock(until)}"
    return fault.model_copy(update={"color": Color.YELLOW, "paused": True, "sentence": sentence})


def _summary(faults: Sequence[Fault], rows: Sequence[Expectation], as_of: datetime) -> str:
    pause = next((row for row in rows if row.paused_until is not None and row.paused_until > as_of), None)
    # Before any fault: the on-call should see first that a colleague handles it.
    if pause is not None and pause.paused_until is not None:
        before = f"; {faults[0].sentence}" if faults else ""
        until = _day_clock(pause.paused_until)
        return f"paused by {pause.paused_by} until {until}: {pause.paused_why}{before}"
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"{faults[0].sentence}{more}"
    live = [row for row in rows if row.status != "CANCELLED"]
    if not live:
        return "cancelled"
    if all(row.status == "PAUSED" or row.expected_run_time > as_of for row in live) and any(
        row.status == "PAUSED" for row in live
    ):
        return "paused"
    if all(row.status == "TOO_EARLY" for row in live):
        return f"first at {_clock(min(row.expected_run_time for row in live))}"
    # For a per-game workflow, count games, without those whose first slot is to come. A game that one of yesterday's
    # slots found is not requested again: tonight's slots only report it as found.
    subjects = {row.subject or WHOLE_DAY for row in live}
    begun = {row.subject or WHOLE_DAY for row in live if row.status != "TOO_EARLY"}
    if subjects != {WHOLE_DAY}:
        by_game = ([row for row in live if (row.subject or WHOLE_DAY) == subject] for subject in begun)
        found_games = sum(all(_found_steps(own).values()) for own in by_game)
        coming = f", {len(subjects - begun)} to come" if subjects - begun else ""
        return f"{found_games} of {pluralize(len(begun), 'game')} found{coming}"
    found = _found_steps(live)
    if all(found.values()):
        return "found"
    # Only some scrapers found data: neither "found" nor "nothing there" would be true of the workflow.
    if any(found.values()):
        return f"{sum(found.values())} of {len(found)} scrapers found"
    if not any(row.executions for row in live):
        return "due"
    # "no data yet" would promise another check before tomorrow's.
    if all(_is_given_up(row, as_of) for row in live):
        return "nothing found, no further check today"
    return "requested, no data yet"


def _found_steps(rows: Sequence[Expectation]) -> Mapping[str | None, bool]:
    """Map each scraper to whether its data was found, by these occurrences of one subject or by any later run.

    One entry under None for rows without steps (from an older controller) or if an earlier slot had found everything.
    """
    if any(row.last_reason_code == Reason.ALREADY_FOUND for row in rows):
        return {None: True}
    # Ignore a step that was left out because its parents succeeded without naming any value.
    steps = [
        it
        for row in rows
        for it in row.steps
        if not _left_out(it) or it.found_later or _unsuccessful_steps(row)
    ]
    if not steps:
        return {None: any(row.found for row in rows)}
    found: dict[str | None, bool] = {}
    for step in steps:
        found[step.scraper] = found.get(step.scraper, False) or step.units_found > 0 or step.found_later
    return found


def _left_out(step: StepOutcome) -> bool:
    return step.parent_unfruitful and not step.attempts


def _unsuccessful_steps(row: Expectation) -> list[StepOutcome]:
    """Return the steps of an occurrence that were requested and found nothing, so that their children are left out."""
    return [step for step in row.steps if step.attempts and not step.units_found]


def _judge_subject(
    name: str, subject: str, rows: Sequence[Expectation], as_of: datetime, names: Mapping[str, str]
) -> Iterator[Fault]:
    about = "" if subject == WHOLE_DAY else f" of {names.get(subject, subject)}"
    missed = [row for row in rows if row.status == "MISSING"]
    if missed:
        # The gap needs no action once a later slot found the data, or a slot was skipped because it is there already.
        later = any(row.found and row.expected_run_time > missed[-1].expected_run_time for row in rows)
        healed = later or any(row.last_reason_code == Reason.ALREADY_FOUND for row in rows)
        at = ", ".join(_clock(row.expected_run_time) for row in missed[:3])
        more = f" and {len(missed) - 3} more times" if len(missed) > 3 else ""
        reason = next(
            (_waits_for(row) for row in reversed(missed) if row.reason_code == Reason.SOURCE_PAUSED), ""
        )
        yield Fault(
            kind=FaultKind.MISSING,
            color=Color.YELLOW if healed else Color.RED,
            workflow=name,
            subject=subject,
            since=missed[0].deadline,
            count=len(missed),
            sentence=f"{name}{about} did not run at {at}{more}{', but its data is found' if healed else ''}{reason}",
        )
    waiting = [
        row for row in rows if row.status == "PENDING" and row.last_reason_code == Reason.SOURCE_PAUSED
    ]
    if waiting:
        # Never red: the request follows once the pause ends, and the row becomes MISSING if its window ends first.
        yield Fault(
            kind=FaultKind.SOURCE_PAUSED,
            color=Color.YELLOW,
            workflow=name,
            subject=subject,
            since=waiting[0].expected_run_time,
            count=len(waiting),
            sentence=f"{name}{about} has been due since {_clock(waiting[0].expected_run_time)}{_waits_for(waiting[0])}",
        )
    ran = [(row, row.actual_run_time) for row in rows if row.actual_run_time]
    unexecuted = [row for row, at in ran if not row.executions and as_of - at > EXECUTED_WITHIN]
    # Only if the newest run is unexecuted: a later execution shows that requests get through again.
    if unexecuted and unexecuted[-1] is ran[-1][0]:
        since = unexecuted[0].actual_run_time or as_of
        yield Fault(
            kind=FaultKind.NOT_EXECUTED,
            color=Color.RED,
            workflow=name,
            subject=subject,
            since=since,
            count=len(unexecuted),
            sentence=f"{name}{about} was requested at {_clock(since)} and nothing executed it",
        )
    scrapers = list(dict.fromkeys(step.scraper for row in rows for step in row.steps))
    step_faults = [_judge_step(name, subject, about, scraper, rows, as_of) for scraper in scrapers]
    # Report a left-out step only if no other fault is reported: its parent has to be fixed first.
    if not any(step_faults):
        step_faults = [_judge_unrequested(name, subject, about, scraper, rows, as_of) for scraper in scrapers]
    yield from filter(None, step_faults)
    # Rows with steps were judged above, step by step.
    if not any(row.steps for row in rows) and _ended_empty(rows, as_of):
        yield _found_nothing(name, subject, about, None, rows)


def _waits_for(row: Expectation) -> str:
    """Return the decision's sentence in brackets; it names the sources and the end of their pauses."""
    return f" ({row.actual_reason.rstrip('.')})" if row.actual_reason else ""


def _judge_step(
    name: str, subject: str, about: str, scraper: str, rows: Sequence[Expectation], as_of: datetime
) -> Fault | None:
    """Judge one scraper by its attempts over the occurrences of one subject."""
    outcomes = [
        (row, step) for row in rows for step in row.steps if step.scraper == scraper and step.attempts
    ]
    if not outcomes:
        return None
    row, last = outcomes[-1]
    # A later run, a manual one for example, has found the data, and no run failed since.
    if last.found_later and last.failed_later_at is None:
        return None
    if not last.units_failed and last.failed_later_at is None:
        found = any(step.units_found for _, step in outcomes)
        # Unpublished data is no fault while another check is to come: 93 of 100 alerts of this kind once were false.
        if found or not _is_over(rows, as_of):
            return None
        return _found_nothing(name, subject, about, scraper, [row for row, _ in outcomes])
    # A later find ends the streak as well; only the run after it failed.
    streak = [] if last.found_later else _failing_streak(outcomes)
    # A search that has found data may fail to find a later version. Units that fail beside successful ones are lost.
    found_before = _is_found(last) or (not last.units_found and any(step.units_found for _, step in outcomes))
    final = len(streak) >= HOPELESS_STREAK or (
        not _has_further_attempt(row, rows, as_of) and not found_before
    )
    since = min(
        (step.failing_since for step in streak if step.failing_since),
        default=last.failed_later_at or row.expected_run_time,
    )
    failures = sum(step.attempts for step in streak)
    return Fault(
        kind=FaultKind.FAILING,
        color=Color.RED if final else Color.YELLOW,
        workflow=name,
        scraper=scraper,
        subject=subject,
        since=since,
        count=max(1, failures),
        sentence=f"{_scraper_name(scraper, name)}{about} {_describe_failure(last, since, failures)}",
        error=last.later_error_message if last.failed_later_at else last.error_message,
        error_type=last.later_error_type if last.failed_later_at else last.error_type,
    )


def _is_found(step: StepOutcome) -> bool:
    """Return whether each unit of a step was found, by its own run or by a later one."""
    return step.found_later or (step.units > 0 and step.units_found == step.units)


def _describe_failure(last: StepOutcome, since: datetime, failures: int) -> str:
    """Describe since when a step fails, its error, and the newest failure in a run of another occurrence."""
    later = ""
    if last.failed_later_at:
        kind = f" ({last.later_error_type})" if last.later_error_type else ""
        later = f"{_clock(last.failed_later_at)}{kind}"
    if _is_found(last) or not last.units_failed:
        return f"{'was found' if _is_found(last) else 'found nothing'}, and a later run failed at {later}"
    of_units = f" for {last.units_failed} of {last.units} units" if last.units > 1 else ""
    attempts = f"{pluralize(failures, 'attempt')}{f', {last.error_type}' if last.error_type else ''}"
    too = f", and later runs failed too, last at {later}" if later else ""
    return f"has been failing since {_clock(since)}{of_units} ({attempts}){too}"


def _judge_unrequested(
    name: str, subject: str, about: str, scraper: str, rows: Sequence[Expectation], as_of: datetime
) -> Fault | None:
    """Judge one scraper that was never requested because its parent found nothing; None if it is no fault."""
    outcomes = [
        (row, step)
        for row in rows
        for step in row.steps
        if step.scraper == scraper and (step.attempts or step.parent_unfruitful)
    ]
    if not outcomes:
        return None
    row, last = outcomes[-1]
    parents = _unsuccessful_steps(row)
    # Without an unsuccessful parent there was nothing to request.
    if not _left_out(last) or last.found_later or not parents:
        return None
    failed = [step for step in parents if step.units_failed]
    found_before = any(step.units_found for _, step in outcomes)
    if not failed and (found_before or not _is_over(rows, as_of)):
        return None
    if not _is_given_up(row, as_of):
        return None
    parent = next(iter(failed or parents))
    result = f"failed{f' ({parent.error_type})' if parent.error_type else ''}" if failed else "found nothing"
    return Fault(
        kind=FaultKind.FAILING if failed else FaultKind.FOUND_NOTHING,
        color=Color.YELLOW if found_before or _has_further_attempt(row, rows, as_of) else Color.RED,
        workflow=name,
        scraper=scraper,
        subject=subject,
        since=parent.last_at or row.expected_run_time,
        sentence=f"{_scraper_name(scraper, name)}{about} was not requested, because {parent.scraper} {result}",
        error=parent.error_message,
        error_type=parent.error_type,
    )


def _has_further_attempt(row: Expectation, rows: Sequence[Expectation], as_of: datetime) -> bool:
    """Return whether another attempt is to come: of this occurrence, or of a later slot of its day."""
    # Rows that are left of last night are about another day than the slots of today.
    own = [it for it in rows if it.date == row.date and it.expected_run_time >= row.expected_run_time]
    if any(it.last_reason_code == Reason.SUPERSEDED for it in own):
        return False
    return any(not _is_given_up(it, as_of) and it.status != "PAUSED" for it in own)


def _is_given_up(row: Expectation, as_of: datetime) -> bool:
    """Return whether an occurrence makes no further request."""
    return row.deadline <= as_of or row.last_reason_code in GIVEN_UP


def _failing_streak(outcomes: Sequence[tuple[Expectation, StepOutcome]]) -> list[StepOutcome]:
    """Return the latest outcomes in a row that failed, the newest first."""
    streak: list[StepOutcome] = []
    for _, step in reversed(outcomes):
        # A partial success ends the streak unless it is the newest outcome: the source responds.
        if not step.units_failed or (streak and step.units_found):
            break
        streak.append(step)
    return streak


def _scraper_name(scraper: str | None, workflow: str) -> str:
    """Name a scraper with its workflow; only once if both names are equal."""
    return workflow if scraper in (None, workflow) else f"{scraper} of {workflow}"


def _found_nothing(
    name: str, subject: str, about: str, scraper: str | None, rows: Sequence[Expectation]
) -> Fault:
    runs = [row for row in rows if row.executions]
    return Fault(
        kind=FaultKind.FOUND_NOTHING,
        color=Color.RED,
        workflow=name,
        scraper=scraper,
        subject=subject,
        since=runs[-1].deadline,
        count=len(runs),
        sentence=f"{_scraper_name(scraper, name)}{about} ran {pluralize(len(runs), 'time')} and found nothing",
    )


def _ended_empty(rows: Sequence[Expectation], as_of: datetime) -> bool:
    """Return whether rows without steps (from an older controller) ran, found nothing and are over."""
    ran = [row for row in rows if row.executions]
    return bool(ran) and not any(row.found for row in ran) and _is_over(rows, as_of)


def _is_over(rows: Sequence[Expectation], as_of: datetime) -> bool:
    """Return whether every slot has passed its deadline and none is paused.

    With a paused slot the rest of the day was not checked, so data cannot be called missing.
    """
    return all(row.deadline <= as_of and row.status != "PAUSED" for row in rows)


def _day_clock(instant: datetime) -> str:
    return fleet_clock(instant, "%a %H:%M")


def _clock(instant: datetime) -> str:
    return fleet_clock(instant)

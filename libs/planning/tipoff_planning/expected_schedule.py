"""The day's locked schedule and its later changes. Pure."""

from collections.abc import Container, Iterable
from datetime import date, datetime

from tipoff_common import RELEASE
from tipoff_common.events import ExpectedRun, ScheduleLocked, ScheduleState
from tipoff_common.identity import schedule_row_id, short_hash
from tipoff_planning.calendar import Calendar
from tipoff_planning.occurrences import Occurrence
from tipoff_planning.workflows import Configuration


def draft_schedule(
    expected: Iterable[Occurrence],
    configuration: Configuration,
    *,
    day: date,
    games_today: int | None,
    environment: str,
    locked_at: datetime,
) -> ScheduleLocked:
    """Draft the day's schedule. Its version is a function of the configuration, the occurrences and their times."""
    occurrences = tuple(expected)
    version = _version("", occurrences, configuration)
    runs = tuple(_run(item, configuration, version, ScheduleState.EXPECTED) for item in occurrences)
    return ScheduleLocked(
        date=day,
        locked_at=locked_at,
        schedule_version=version,
        games_today=games_today,
        runs=runs,
        config_hash=configuration.hash,
        generated_by=f"controller {RELEASE}",
        environment=environment,
    )


def draft_change(
    locked: Iterable[ScheduleLocked],
    expected: Iterable[Occurrence],
    configuration: Configuration,
    *,
    begun: Container[str],
    calendar: Calendar | None,
    games_today: int | None,
    now: datetime,
) -> ScheduleLocked:
    """Draft the difference of the occurrences from the locked schedule and its changes so far, oldest first.

    ADDED: new or moved occurrences. CANCELLED: occurrences that are no longer expected and have not `begun`. Rows past
    their deadline stay unchanged.
    """
    occurrences, events = tuple(expected), tuple(locked)
    latest = events[-1]
    # A version includes its predecessor in the hash, so it cannot repeat an earlier version.
    version = _version(latest.schedule_version, occurrences, configuration)
    standing = _latest_runs(events)
    runs = [
        _run(item, configuration, version, ScheduleState.ADDED)
        for item in occurrences
        # Keep expired rows: a change of the past would make a missed run look met.
        if item.deadline > now and _differs(standing.get(item.id), item)
    ]
    runs += [
        run.model_copy(
            update={
                "schedule_row_id": schedule_row_id(run.occurrence_id, version, ScheduleState.CANCELLED),
                "state": ScheduleState.CANCELLED,
                "reason": _cancellation_reason(run, calendar, latest.date),
            }
        )
        for run in dropped_runs(events, occurrences, now)
        # A begun occurrence has requests under way; a cancellation would hide a run that happened.
        if run.occurrence_id not in begun
    ]
    return ScheduleLocked(
        date=latest.date,
        locked_at=now,
        schedule_version=version,
        games_today=games_today,
        runs=tuple(runs),
        config_hash=configuration.hash,
        generated_by=f"controller {RELEASE}",
        environment=latest.environment,
    )


def dropped_runs(
    locked: Iterable[ScheduleLocked], expected: Iterable[Occurrence], now: datetime
) -> list[ExpectedRun]:
    """Return the runs of a locked schedule that are no longer expected, before their deadline."""
    expected_ids = {item.id for item in expected}
    return [
        run
        for identifier, run in _latest_runs(locked).items()
        if identifier not in expected_ids and run.state is not ScheduleState.CANCELLED and run.deadline > now
    ]


def _latest_runs(locked: Iterable[ScheduleLocked]) -> dict[str, ExpectedRun]:
    # Later events replace earlier rows of the same occurrence, as in the views.
    return {run.occurrence_id: run for event in locked for run in event.runs}


def _cancellation_reason(run: ExpectedRun, calendar: Calendar | None, day: date) -> str:
    """Return the reason why a run is no longer expected, as far as the calendar shows it."""
    game = calendar.game(run.subject) if calendar else None
    if game is not None and game.postponed:
        return f"no longer expected: game {game.game_id} was called off"
    if game is not None and game.game_date != run.game_date:
        return f"no longer expected: game {game.game_id} was moved to {game.game_date}"
    if game is not None and game.tipoff is None:
        return f"no longer expected: the time of game {game.game_id} is undecided"
    # An occurrence of the whole day has no game of its own; postponed games of the day are the likely reason.
    postponed = [item for item in calendar.all_on(day) if item.postponed] if calendar else []
    if postponed:
        return f"no longer expected: {', '.join(item.game_id for item in postponed)} called off"
    return "no longer expected: the day's games or the configuration changed"


def _version(before: str, expected: Iterable[Occurrence], configuration: Configuration) -> str:
    """Hash the configuration, the occurrences with their times, and the previous version. A schedule that changes back
    gets a new version."""
    lines = (f"{item.id} {item.expected.isoformat()} {item.deadline.isoformat()}" for item in expected)
    return short_hash("\n".join([before, configuration.hash, *lines]).encode())


def _differs(run: ExpectedRun | None, item: Occurrence) -> bool:
    # A cancelled run that is expected again is added again: the newest version counts.
    if run is None or run.state is ScheduleState.CANCELLED:
        return True
    return (run.expected_run_time, run.deadline) != (item.expected, item.deadline)


def _run(item: Occurrence, configuration: Configuration, version: str, state: ScheduleState) -> ExpectedRun:
    workflow = configuration.workflows[item.workflow]
    return ExpectedRun(
        schedule_row_id=schedule_row_id(item.id, version, state),
        occurrence_id=item.id,
        workflow_name=item.workflow,
        game_date=item.game_date,
        subject=item.subject,
        expected_run_time=item.expected,
        deadline=item.deadline,
        state=state,
        reason=item.reason,
        scrapers=tuple(dict.fromkeys(step.scraper for step in workflow.steps)),
        priority=workflow.priority,
    )

"""The expected schedule of a day: locked once, and amended when the games change."""

import logging
from collections.abc import Iterator
from datetime import date, datetime

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import ScheduleLocked
from tipoff_controller.deps import Deps
from tipoff_controller.discovery import plan_discovery
from tipoff_controller.occurrence_store import Key
from tipoff_controller.past import Past
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.expected_schedule import draft_change, draft_schedule, dropped_runs
from tipoff_planning.occurrences import games_of, occurrences
from tipoff_planning.verdict import LOCK_GRACE

log = logging.getLogger(__name__)


def lock_schedule(day: date, now: datetime, deps: Deps) -> None:
    """Plan the searches of `day` that learn, then write and publish the day's schedule.

    Locking a day again publishes its first lock again.

    Raises:
        Unavailable
    """
    deps.publisher.publish(
        [deps.ledger.remember_lock(_draft_lock(day, now, deps.calendar.current(now), deps))]
    )


def late_locks(past: Past, context: EvaluationContext, deps: Deps) -> Iterator[ScheduleLocked]:
    """Draft the lock of today's schedule when its tick was lost.

    `publish_batch` writes and publishes the lock: every later evaluation assumes that a written lock is published.
    """
    today = business_date(context.now, deps.configuration.zone)
    locked_by = local_instant(today, deps.locks_at, deps.configuration.zone) + LOCK_GRACE
    if context.now >= locked_by and not past.schedules[today]:
        log.warning(
            f"the schedule was not locked at {deps.locks_at:%H:%M}; locked now",
            extra={"day": today.isoformat()},
        )
        yield _draft_lock(today, context.now, past.calendar, deps)


def schedule_changes(past: Past, context: EvaluationContext, deps: Deps) -> Iterator[ScheduleLocked]:
    """Draft the changes of the locked schedule of each day that is still open.

    Yesterday's games may end after midnight, and tomorrow's schedule may be locked ahead.
    """
    for day, standing in past.schedules.items():
        # Nothing locked, nothing to amend.
        if not standing:
            continue
        # A missing calendar is not a day without games. A fleet that needs no games has no calendar, and only its
        # configuration can change the expected runs.
        if past.calendar is None and deps.configuration.needing_games:
            continue
        expected = list(occurrences(deps.configuration, past.calendar, day, past.discovery))
        dropped = [
            Key(run.game_date, run.occurrence_id) for run in dropped_runs(standing, expected, context.now)
        ]
        states = deps.occurrences.load_all(dropped)
        change = draft_change(
            standing,
            expected,
            deps.configuration,
            begun={key.occurrence_id for key, state in states.items() if state.plan is not None},
            calendar=past.calendar,
            games_today=_games(past.calendar, day, deps),
            now=context.now,
        )
        if change.runs:
            yield change


def _draft_lock(day: date, now: datetime, calendar: Calendar | None, deps: Deps) -> ScheduleLocked:
    # Plan the searches that learn together with the day, so that the schedule expects the checks that they will make.
    plans = plan_discovery(day, now, deps)
    return draft_schedule(
        occurrences(deps.configuration, calendar, day, plans),
        deps.configuration,
        day=day,
        games_today=_games(calendar, day, deps),
        environment=deps.environment,
        locked_at=now,
    )


def _games(calendar: Calendar | None, day: date, deps: Deps) -> int | None:
    return len(games_of(deps.configuration, calendar, day)) if calendar else None

"""The day's expectation: locked once a day, and amended when the games change."""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import ScheduleLocked
from tipoff_controller.deps import Deps
from tipoff_controller.discovery import plan_discovery
from tipoff_controller.occurrence_store import Key
from tipoff_controller.past import Past
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.expected_schedule import draft_change, draft_schedule
from tipoff_planning.occurrences import games_of, occurrences
from tipoff_planning.verdict import LOCKED_BY

log = logging.getLogger(__name__)


def lock_schedule(day: date, now: datetime, deps: Deps) -> None:
    """Plan the searches of `day` that learn, and write down and publish what is expected of it.

    Locking twice publishes the first again.

    Raises:
        Unavailable
    """
    deps.publisher.publish([deps.ledger.remember_lock(_draft_lock(day, now, deps.calendar.current(), deps))])


def late_locks(past: Past, context: EvaluationContext, deps: Deps) -> Iterator[ScheduleLocked]:
    """Draft the lock of today's schedule where its tick did not come.

    It is written down by who publishes it: a lock that is written is taken for published by every later evaluation.
    """
    today = business_date(context.now, deps.configuration.zone)
    if context.now >= local_instant(today, LOCKED_BY, deps.configuration.zone) and not past.schedules[today]:
        log.warning("the schedule was not locked at 05:00; locked now", extra={"day": today.isoformat()})
        yield _draft_lock(today, context.now, past.calendar, deps)


def schedule_changes(past: Past, context: EvaluationContext, deps: Deps) -> Iterator[ScheduleLocked]:
    """Draft what changed of the locked schedule of each day that is still open.

    Yesterday's games may end after midnight, and tomorrow's schedule may be locked ahead.
    """
    for day, standing in past.schedules.items():
        # Nothing locked, nothing to amend.
        if not standing:
            continue
        # An unreadable calendar is not a day without games. A fleet that needs none has no calendar at all, and only
        # its configuration can change what is expected.
        if past.calendar is None and deps.configuration.needing_games:
            continue
        change = draft_change(
            standing,
            occurrences(deps.configuration, past.calendar, day, past.discovery),
            deps.configuration,
            begun=_Begun(deps, standing),
            calendar=past.calendar,
            games_today=_games(past.calendar, day, deps),
            now=context.now,
        )
        if change.runs:
            yield change


def _draft_lock(day: date, now: datetime, calendar: Calendar | None, deps: Deps) -> ScheduleLocked:
    # The searches that learn are planned with the day, so that what is expected of them is what they will do.
    plans = plan_discovery(day, now, deps)
    return draft_schedule(
        occurrences(deps.configuration, calendar, day, plans),
        deps.configuration,
        day=day,
        games_today=_games(calendar, day, deps),
        environment=deps.environment,
        locked_at=now,
    )


class _Begun:
    """Occurrences of a schedule that were requested; each is looked up only when it is no longer expected."""

    def __init__(self, deps: Deps, standing: Sequence[ScheduleLocked]) -> None:
        self._deps = deps
        self._dates = {run.occurrence_id: run.game_date for event in standing for run in event.runs}

    def __contains__(self, occurrence: object) -> bool:
        if not isinstance(occurrence, str) or occurrence not in self._dates:
            return False
        return self._deps.occurrences.load(Key(self._dates[occurrence], occurrence)).plan is not None


def _games(calendar: Calendar | None, day: date, deps: Deps) -> int | None:
    return len(games_of(deps.configuration, calendar, day)) if calendar else None

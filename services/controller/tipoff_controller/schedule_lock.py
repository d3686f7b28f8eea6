"""The day's expectation: locked once a day, and amended when the games change."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import business_date, eastern
from tipoff_common.events import ScheduleLocked
from tipoff_controller.deps import Deps
from tipoff_controller.discovery import plan_discovery
from tipoff_controller.occurrence_store import Key
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.discovery.plans import DiscoveryPlans
from tipoff_planning.expected_schedule import draft_change, draft_schedule
from tipoff_planning.occurrences import games_of, occurrences

log = logging.getLogger(__name__)

LOCKED_BY = time(5, 30)
"""New York time by which a day's schedule is locked: half an hour after its tick, which may never have come."""


def lock_schedule(day: date, now: datetime, deps: Deps) -> None:
    """Plan the searches of `day` that learn, and write down and publish what is expected of it.

    Locking twice publishes the first again.

    Raises:
        Unavailable
    """
    deps.publisher.publish([_lock(day, now, deps.calendar.current(), deps)])


def schedule_changes(
    calendar: Calendar | None, plans: DiscoveryPlans, context: EvaluationContext, deps: Deps
) -> Iterator[ScheduleLocked]:
    """Lock today's schedule where its tick did not, and draft what changed of each day that is still open.

    Yesterday's games may end after midnight, and tomorrow's schedule may be locked ahead. Nothing is published here.
    """
    today = business_date(context.now)
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        standing = deps.ledger.schedules(day)
        if not standing:
            if day == today and context.now >= eastern(day, LOCKED_BY):
                log.warning(
                    "the schedule was not locked at 05:00; locked now", extra={"day": day.isoformat()}
                )
                yield _lock(day, context.now, calendar, deps)
            continue
        if calendar is None:
            continue  # Without games nothing can be said of changes.
        change = draft_change(
            standing,
            occurrences(deps.configuration, calendar, day, plans),
            deps.configuration,
            begun=_Begun(deps, standing),
            calendar=calendar,
            day=day,
            games_today=_games(calendar, day, deps),
            environment=deps.environment,
            now=context.now,
        )
        if change.runs:
            yield change


def _lock(day: date, now: datetime, calendar: Calendar | None, deps: Deps) -> ScheduleLocked:
    # The searches that learn are planned with the day, so that what is expected of them is what they will do.
    plans = plan_discovery(day, now, deps)
    drafted = draft_schedule(
        occurrences(deps.configuration, calendar, day, plans),
        deps.configuration,
        day=day,
        games_today=_games(calendar, day, deps),
        environment=deps.environment,
        locked_at=now,
    )
    return deps.ledger.remember_lock(drafted)


class _Begun:
    """Whether an occurrence of a schedule was requested: looked up only for those that are no longer expected."""

    def __init__(self, deps: Deps, standing: list[ScheduleLocked]) -> None:
        self._deps = deps
        self._dates = {run.occurrence_id: run.game_date for event in standing for run in event.runs}

    def __contains__(self, occurrence: object) -> bool:
        if not isinstance(occurrence, str) or occurrence not in self._dates:
            return False
        return self._deps.occurrences.load(Key(self._dates[occurrence], occurrence)).plan is not None


def _games(calendar: Calendar | None, day: date, deps: Deps) -> int | None:
    return len(games_of(deps.configuration, calendar, day)) if calendar else None

"""One evaluation: what is due is decided once a tick and published each time the tick is delivered."""

import logging
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import business_date, eastern
from tipoff_common.ports import Unavailable
from tipoff_controller.deps import Deps
from tipoff_controller.follow_ups import fail_expired_requests
from tipoff_controller.ledger import Remembered
from tipoff_controller.past import read_past
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decisions import Decision, DecisionInputs, decide, unable_to_decide
from tipoff_planning.drafts import DecisionBatch, draft
from tipoff_planning.expected_schedule import draft_change, draft_schedule
from tipoff_planning.occurrences import games_of, occurrences

log = logging.getLogger(__name__)

LOCKED_BY = time(5, 30)
"""New York time by which a day's schedule is locked: half an hour after its tick, which may never have come."""


def evaluate_workflows(context: EvaluationContext, deps: Deps) -> DecisionBatch:
    """Decides about every workflow.

    Raises:
        Unavailable: to be delivered again; what was decided stands and is published then.
    """
    key = f"ticks/{context.tick:%Y-%m-%dT%H%MZ}"
    try:
        decided = deps.ledger.decided(key)
        if decided is None:
            drafted = draft(_decisions(context, deps), deps.configuration, context)
            decided = deps.ledger.remember_decided(key, drafted)
    except Unavailable as error:
        log.critical("nothing can be decided", extra={"detail": str(error)})
        aborted = unable_to_decide(deps.configuration, context.now, str(error))
        deps.publisher.publish(draft(aborted, deps.configuration, context).decisions)
        raise
    publish_decided(decided, deps)
    return decided


def publish_decided(decided: DecisionBatch, deps: Deps) -> None:
    """Plans are remembered before their requests go out, and requests after: a crash in between publishes them
    again, with the same ids."""
    deps.ledger.remember_plans(decided.plans)
    deps.publisher.publish([*decided.decisions, *decided.requests])
    deps.ledger.remember_requests(decided.requests)


def _decisions(context: EvaluationContext, deps: Deps) -> tuple[Decision, ...]:
    today = business_date(context.now)
    days = _days(today, business_date(context.wall), deps)
    calendar = deps.calendar.current()
    past = read_past(days, deps)
    _keep_schedule(today, calendar, past.remembered, context, deps)
    history = fail_expired_requests(past, deps, context.wall)
    return decide(
        DecisionInputs(
            deps.configuration,
            calendar,
            history,
            context.now,
            plans=deps.ledger.plans(past.remembered),
            outputs=deps.ledger.outputs(past.remembered),
        )
    )


def _days(today: date, wall: date, deps: Deps) -> list[date]:
    """The game dates to remember for a decision: those around today, and those of runs by hand that something is to
    come of, whose requests may die like any other. Such a run is asked for by the wall clock."""
    around = {today + timedelta(days=offset) for offset in (-2, -1, 0, 1)}
    asked = deps.ledger.game_dates_of_open_runs(wall + timedelta(days=offset) for offset in (-2, -1, 0))
    return sorted(around | asked)


def lock_schedule(day: date, now: datetime, deps: Deps) -> None:
    """Writes down what is expected of `day`; locking twice publishes the first again. Raises Unavailable."""
    calendar = deps.calendar.current()
    drafted = draft_schedule(
        occurrences(deps.configuration, calendar, day),
        deps.configuration,
        day=day,
        games_today=_games(calendar, day, deps),
        environment=deps.environment,
        locked_at=now,
    )
    deps.publisher.publish([deps.ledger.remember_lock(drafted)])


def _keep_schedule(
    day: date, calendar: Calendar | None, remembered: Remembered, context: EvaluationContext, deps: Deps
) -> None:
    """Locks the day's schedule where its tick did not, and records what changed since. Without a calendar nothing can
    be said of changes."""
    paths = remembered.schedule_paths.get(day, [])
    if not paths and context.now >= eastern(day, LOCKED_BY):
        log.warning("the schedule was not locked at 05:00; locked now", extra={"day": day.isoformat()})
        lock_schedule(day, context.now, deps)
    if not paths or calendar is None:
        return
    change = draft_change(
        deps.ledger.schedules(paths),
        occurrences(deps.configuration, calendar, day),
        deps.configuration,
        begun=remembered.plan_paths.keys(),
        day=day,
        games_today=_games(calendar, day, deps),
        environment=deps.environment,
        now=context.now,
    )
    if change.runs:
        deps.publisher.publish([change])
        deps.ledger.remember_change(change)


def _games(calendar: Calendar | None, day: date, deps: Deps) -> int | None:
    return len(games_of(deps.configuration, calendar, day)) if calendar else None

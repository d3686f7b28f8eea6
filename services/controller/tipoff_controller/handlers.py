"""Handlers of the events that the controller receives."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool

from tipoff_common.clock import business_date, floor_to
from tipoff_common.events import (
    Event,
    MessageRejected,
    ScrapeExecuted,
    Source,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.push import Delivery
from tipoff_common.ticks import fired_for, tick_instant
from tipoff_controller.dead_requests import note_dead_request
from tipoff_controller.deps import Deps
from tipoff_controller.discovery import ensure_plans
from tipoff_controller.evaluation import evaluate_workflows
from tipoff_controller.execution_groups import ExecutionGroups
from tipoff_controller.follow_ups import note_execution
from tipoff_controller.manual import begin_manual_run
from tipoff_controller.schedule_lock import lock_schedule
from tipoff_planning.context import EvaluationContext
from tipoff_planning.discovery.plans import due_checks
from tipoff_planning.occurrences import begun_since
from tipoff_planning.reasons import Reason

log = logging.getLogger(__name__)

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired, ScrapeExecuted, WorkflowDecided, MessageRejected})


async def receive_delivery(
    delivery: Delivery, deps: Deps, groups: ExecutionGroups, clock: Callable[[], datetime]
) -> None:
    """Handle a delivery: executions in groups on the event loop, everything else in a thread.

    Raises:
        Unavailable: to be delivered again.
    """
    if isinstance(delivery.event, ScrapeExecuted):
        # On the event loop: with one thread per execution, the threads of a fan-out
        # would queue for the same lock.
        await groups.submit(delivery.event)
    else:
        await run_in_threadpool(handle_delivery, delivery, deps, clock())


def handle_delivery(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Handle a tick, an execution, a manual decision or a dead request. Raises Unavailable: to be delivered
    again."""
    match delivery.event:
        case TickFired() as tick:
            handle_tick(tick, delivery.message.publish_time or now, deps, now)
        case ScrapeExecuted() as executed:
            note_execution(executed, deps, now)
        # A manual run begins here and not in the route: Pub/Sub repeats this message until the requests are published.
        case WorkflowDecided() as decided if decided.reason_code == Reason.MANUAL.value:
            begin_manual_run(decided, deps, now)
        case MessageRejected():
            note_dead_request(delivery.message, deps)


def handle_tick(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Evaluate all workflows, evaluate the urgent ones, or lock the schedule, by the kind of tick.

    The tick's own time identifies the tick; `event_time` also replaces the clock.
    """
    match event.tick:
        case Tick.EVALUATE:
            evaluate_workflows(_context(event, published_at, deps, now), deps)
        case Tick.DISCOVER:
            look_between_evaluations(event, published_at, deps, now)
        case Tick.LOCK_SCHEDULE:
            # The tick's own time, not the delivery's: a tick that arrives a day late
            # still locks its own day.
            day = business_date(fired_for(event, published_at), deps.configuration.zone)
            lock_schedule(day, event.event_time or now, deps)
        # All ticks share a topic: this tick is for another service, or its kind is newer than this version.
        case _:
            log.info("tick is not for the controller", extra={"tick": event.tick})


def look_between_evaluations(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Evaluate the workflows that cannot wait for the next full evaluation; most ticks have none.

    Such a workflow has a learned check since the previous tick, or an occurrence that could pass between two
    evaluations. After a lost tick, the next full evaluation covers everything that is still due.

    Raises:
        Unavailable: to be delivered again.
    """
    context = _context(event, published_at, deps, now)
    if context.tick == floor_to(context.tick, int(deps.evaluated_every.total_seconds() // 60)):
        return  # Skip: a full evaluation runs at this instant, and both would write the same tick object.
    cadence = timedelta(minutes=event.cadence_minutes)
    due = due_checks(ensure_plans(context.now, deps), context.tick, cadence)
    if fast := deps.configuration.faster_than(deps.evaluated_every):
        due |= begun_since(
            deps.configuration, deps.calendar.current(context.now), fast, context.tick, cadence
        )
    if due:
        evaluate_workflows(context, deps, due)


def _context(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> EvaluationContext:
    tick = tick_instant(event, published_at)
    return EvaluationContext(
        environment=deps.environment,
        tick=tick,
        # A tick that is delivered a moment early still covers everything that is due at its own time.
        now=event.event_time or max(now, tick),
        wall=now,
        triggered_by="tick",
        source=Source.CONTROLLER,
        event_time=event.event_time,
    )

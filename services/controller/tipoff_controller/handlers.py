"""The controller's routing table: what comes in, and what is done about it."""

import logging
from datetime import datetime

from tipoff_common.clock import business_date, floor_to
from tipoff_common.events import Event, MessageRejected, ScrapeExecuted, Source, Tick, TickFired
from tipoff_common.push import Delivery
from tipoff_controller.deps import Deps
from tipoff_controller.evaluation import evaluate_workflows, lock_schedule
from tipoff_controller.follow_ups import note_dead_request, note_execution
from tipoff_planning.context import EvaluationContext

log = logging.getLogger(__name__)

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired, ScrapeExecuted, MessageRejected})


def handle_delivery(delivery: Delivery, deps: Deps, now: datetime) -> None:
    """Raises Unavailable: to be delivered again."""
    match delivery.event:
        case TickFired() as tick:
            handle_tick(tick, delivery.message.publish_time or now, deps, now)
        case ScrapeExecuted() as executed:
            note_execution(executed, deps, now)
        case MessageRejected():
            note_dead_request(delivery.message, deps, now)


def handle_tick(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """A tick's own time identifies it; `event_time` also replaces the clock."""
    instant = event.event_time or now
    match event.tick:
        case Tick.EVALUATE:
            context = EvaluationContext(
                environment=deps.environment,
                tick=floor_to(event.event_time or published_at, event.cadence_minutes),
                now=instant,
                wall=now,
                triggered_by="tick",
                source=Source.CONTROLLER,
                event_time=event.event_time,
            )
            evaluate_workflows(context, deps)
        case Tick.LOCK_SCHEDULE:
            lock_schedule(business_date(event.event_time or published_at), instant, deps)
        case _:
            log.info("tick is not for the controller", extra={"tick": event.tick})

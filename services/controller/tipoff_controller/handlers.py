"""Ticks and executions come in; decisions, schedules and requests go out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from tipoff_common.answers import answer
from tipoff_common.binding import Message, Refused, decode
from tipoff_common.clock import business_date, floor_to
from tipoff_common.events import (
    Event,
    MessageRejected,
    ScrapeExecuted,
    ScrapeRequested,
    Source,
    Tick,
    TickFired,
)
from tipoff_common.identity import request_id
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import Unavailable, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_controller.calendar import Calendar
from tipoff_controller.dataset import read_executions
from tipoff_controller.decisions import Decision, Situation, decide, unable_to_decide
from tipoff_controller.drafting import draft_decided, draft_schedule
from tipoff_controller.history import ExecutionFact, History, merge
from tipoff_controller.landed_calendar import LandedCalendar
from tipoff_controller.ledger import Decided, Ledger
from tipoff_controller.occurrences import occurrences
from tipoff_controller.plans import retry_is_due
from tipoff_controller.workflows import Configuration

log = logging.getLogger(__name__)

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired, ScrapeExecuted, MessageRejected})
LEASE_SLACK = timedelta(minutes=5)
"""Added to a scraper's timeout: how long after a request without an execution it counts as dead."""


@dataclass(frozen=True)
class Deps:
    environment: str
    configuration: Configuration
    calendar: LandedCalendar
    ledger: Ledger
    warehouse: Warehouse
    publisher: Publisher


def handle_tick(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """A tick's own time identifies it; `event_time` also replaces the clock.

    Raises:
        Unavailable: to be delivered again; what was decided stands and is published then.
    """
    tick = floor_to(event.event_time or published_at, event.cadence_minutes)
    instant = event.event_time or now
    match event.tick:
        case Tick.EVALUATE:
            evaluate_workflows(tick, instant, deps, wall=now, event_time=event.event_time)
        case Tick.LOCK_SCHEDULE:
            lock_schedule(business_date(instant), instant, deps)
        case _:
            log.warning("tick is not for the controller", extra={"tick": event.tick})


def evaluate_workflows(
    tick: datetime, now: datetime, deps: Deps, *, wall: datetime, event_time: datetime | None
) -> Decided:
    """Decides about every workflow once a tick, and publishes what was decided each time the tick is delivered."""
    key = tick.strftime("%Y-%m-%dT%H%MZ")
    decided = deps.ledger.decided(key)
    if decided is None:
        drafted = draft_decided(
            _decisions(tick, now, deps, wall),
            deps.configuration,
            environment=deps.environment,
            tick=tick,
            decided_at=now,
            requested_at=wall,
            triggered_by="tick",
            source=Source.CONTROLLER,
            event_time=event_time,
        )
        decided = deps.ledger.remember_decided(key, drafted)
    publish_decided(decided, deps)
    return decided


def publish_decided(decided: Decided, deps: Deps) -> None:
    """Requests are remembered before they are published, so that none is without an owner."""
    deps.ledger.remember_requests(decided.requests)
    deps.publisher.publish([*decided.decisions, *decided.requests])


def _decisions(tick: datetime, now: datetime, deps: Deps, wall: datetime) -> tuple[Decision, ...]:
    days = [business_date(now) + timedelta(days=offset) for offset in (-1, 0, 1)]
    try:
        calendar = deps.calendar.current()
        history = read_history(days, deps)
    except Unavailable as error:
        _abort(tick, now, deps, wall, error)
        raise
    history = _bury_dead_requests(history, days, deps, wall)
    return decide(Situation(deps.configuration, calendar, history, now))


def read_history(days: Sequence[date], deps: Deps) -> History:
    """The union of ledger and dataset; without the dataset the ledger decides, marked stale. Raises Unavailable
    when the ledger cannot be read, as nothing could be remembered then."""
    remembered = deps.ledger.history(days)
    try:
        logged: list[ExecutionFact] = read_executions(deps.warehouse, deps.environment, days)
    except Unavailable as error:
        log.error("dataset cannot be asked, deciding by the ledger", extra={"detail": str(error)})
        return replace(remembered, stale=True)
    return replace(remembered, executions=merge(logged, remembered.executions.values()))


def _abort(tick: datetime, now: datetime, deps: Deps, wall: datetime, error: Unavailable) -> None:
    """Says so, as loudly as is possible, when nothing can be decided."""
    log.critical("nothing can be decided", extra={"detail": str(error)})
    decided = draft_decided(
        unable_to_decide(deps.configuration, now, str(error)),
        deps.configuration,
        environment=deps.environment,
        tick=tick,
        decided_at=now,
        requested_at=wall,
        triggered_by="tick",
        source=Source.CONTROLLER,
        event_time=None,
    )
    deps.publisher.publish(decided.decisions)


def _bury_dead_requests(history: History, days: Sequence[date], deps: Deps, wall: datetime) -> History:
    """A request whose lease passed without an execution is answered for as `failed`/`timeout`."""
    executions = dict(history.executions)
    for identifier, requested_at in history.requested.items():
        if identifier in executions or wall - requested_at < LEASE_SLACK:
            continue
        request = next(filter(None, (deps.ledger.request(day, identifier) for day in days)), None)
        if request is None or wall - requested_at < _lease(request, deps.configuration):
            continue
        event = fail_dead_request(
            request, f"no execution within {_lease(request, deps.configuration)}", deps, wall
        )
        if event is not None:
            executions[identifier] = _fact(event)
    return replace(history, executions=executions)


def _lease(request: ScrapeRequested, configuration: Configuration) -> timedelta:
    spec = configuration.catalog.get(request.scraper)
    return LEASE_SLACK + timedelta(seconds=spec.timeout_seconds if spec else 540)


def fail_dead_request(request: ScrapeRequested, why: str, deps: Deps, now: datetime) -> ScrapeExecuted | None:
    """Publishes the execution of a request that died, unless one is known; the log, the follow-ups and the retries
    learn of it as of any other."""
    if deps.ledger.has_execution(request.game_date, request.request_id):
        return None
    at = request.event_time or now
    event = answer(
        request,
        Failed(kind=FailureKind.TIMEOUT, message=f"the request died: {why}"),
        environment=deps.environment,
        triggered_at=at,
        completed_at=at,
    )
    deps.ledger.remember_execution(event)
    deps.publisher.publish([event])
    return event


def note_dead_request(message: Message, deps: Deps, now: datetime) -> None:
    """A request that ran out of delivery attempts."""
    try:
        request = decode(message).payload
    except Refused as refused:
        log.error("dead request cannot be read; its dead letter has it", extra={"detail": str(refused)})
        return
    if isinstance(request, ScrapeRequested):
        fail_dead_request(request, "it ran out of delivery attempts", deps, now)


def note_execution(event: ScrapeExecuted, deps: Deps, now: datetime) -> None:
    """Remembers the execution, and asks again at once when it failed for a passing reason and budget is left."""
    deps.ledger.remember_execution(event)
    workflow = deps.configuration.workflows.get(event.workflow)
    if workflow is None or event.occurrence_id is None or not isinstance(event.outcome, Failed):
        return
    if not retry_is_due(event.outcome.kind, event.attempt, workflow.max_retries):
        return
    attempt = event.attempt + 1
    request = ScrapeRequested(
        request_id=request_id(event.occurrence_id, event.step, event.scraper_name, event.parameters, attempt),
        occurrence_id=event.occurrence_id,
        decision_id=event.decision_id,
        workflow=event.workflow,
        step=event.step,
        scraper=event.scraper_name,
        game_date=event.game_date,
        parameters=event.parameters,
        attempt=attempt,
        source=event.source,
        priority=workflow.priority,
        triggered_by=event.triggered_by,
        config_hash=event.config_hash,
        requested_at=now,
        event_time=event.event_time,
    )
    deps.ledger.remember_requests([request])
    deps.publisher.publish([request])


def lock_schedule(day: date, now: datetime, deps: Deps) -> None:
    """Writes down what is expected of `day`; locking twice publishes the first again."""
    locked = deps.ledger.schedule(day)
    if locked is None:
        calendar = deps.calendar.current()
        drafted = draft_schedule(
            occurrences(deps.configuration, calendar, day),
            deps.configuration,
            day=day,
            games_today=_games_on(calendar, day),
            environment=deps.environment,
            locked_at=now,
        )
        locked = deps.ledger.remember_schedule(drafted)
    deps.publisher.publish([locked])


def _games_on(calendar: Calendar | None, day: date) -> int | None:
    return len(calendar.games_on(day)) if calendar else None


def _fact(event: ScrapeExecuted) -> ExecutionFact:
    return ExecutionFact(
        request_id=event.request_id,
        scraper=event.scraper_name,
        game_date=event.game_date,
        status=event.outcome.status,
        kind=event.outcome.kind if isinstance(event.outcome, Failed) else None,
        source=event.source,
        triggered_at=event.triggered_at,
    )

"""What follows from an execution: retries, the next steps of its plan, and an answer for requests that died."""

import logging
from datetime import datetime, timedelta

from tipoff_common.binding import Message, Refused, decode
from tipoff_common.events import ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.executions import build_presumed_failure
from tipoff_common.outcomes import Failed, Status
from tipoff_controller.deps import Deps
from tipoff_controller.past import Past
from tipoff_planning.drafts import request, skip
from tipoff_planning.history import ExecutionFact, History, completeness_of, subject_of
from tipoff_planning.plans import Plan
from tipoff_planning.progress import progress
from tipoff_planning.workflows import Configuration

log = logging.getLogger(__name__)

LEASE_SLACK = timedelta(minutes=5)
"""Added to a scraper's timeout: how long after a request without an execution it counts as dead."""


def note_execution(event: ScrapeExecuted, deps: Deps, now: datetime) -> None:
    """Remembers the execution, and requests what its plan asks for next.

    Its own marker is written before the occurrence's markers are listed, so of two executions that arrive together
    at least one sees both; two that both do publish the same ids.

    Raises:
        Unavailable: to be delivered again.
    """
    deps.ledger.remember_execution(event)
    if event.occurrence_id is None:
        return
    plan = deps.ledger.plan(event.game_date, event.occurrence_id)
    if plan is None or not _may_lead_on(event, plan):
        return
    remembered = deps.ledger.occurrence(plan.game_date, plan.occurrence_id)
    result = progress(plan, deps.ledger.known(remembered))
    requests = [request(plan, attempt, now) for attempt in result.due]
    skips = [item for item in result.skipped if (plan.occurrence_id, item.step) not in remembered.skips]
    at = event.event_time or now
    deps.publisher.publish([*(skip(plan, item, deps.environment, at) for item in skips), *requests])
    deps.ledger.remember_requests(requests)
    for item in skips:
        deps.ledger.remember_skip(plan.game_date, plan.occurrence_id, item.step)
    if result.settled and plan.source is Source.MANUAL:
        deps.ledger.close_run(plan)


def _may_lead_on(event: ScrapeExecuted, plan: Plan) -> bool:
    """Whether something may wait for this execution: another attempt, a later step, the next wave, or the end of a run
    by hand. If nothing does, the occurrence need not be listed."""
    if plan.source is Source.MANUAL or event.outcome.status is Status.FAILED:
        return True
    own = [step for step in plan.steps if step.scraper == event.scraper_name]
    return any(step.is_limited or any(step.name in later.parents for later in plan.steps) for step in own)


def note_dead_request(message: Message, deps: Deps, now: datetime) -> None:
    """A request that ran out of delivery attempts."""
    try:
        dead = decode(message).payload
    except Refused as refused:
        log.error("dead request cannot be read; its dead letter has it", extra={"detail": str(refused)})
        return
    if isinstance(dead, ScrapeRequested):
        fail_dead_request(dead, "it ran out of delivery attempts", deps, now)


def fail_expired_requests(past: Past, deps: Deps, wall: datetime) -> History:
    """The history in which a request whose lease passed without an execution is `failed`/`timeout`."""
    executions = dict(past.history.executions)
    for identifier, requested_at in past.history.requested.items():
        if identifier in executions or wall - requested_at < LEASE_SLACK:
            continue
        dead = deps.ledger.request(past.remembered.request_paths[identifier])
        if dead is None or wall - requested_at < _lease(dead, deps.configuration):
            continue
        event = fail_dead_request(dead, f"no execution within {_lease(dead, deps.configuration)}", deps, wall)
        if event is not None:
            executions[identifier] = _fact(event, deps.configuration)
    return History(executions, past.history.requested, past.history.stale)


def fail_dead_request(dead: ScrapeRequested, why: str, deps: Deps, now: datetime) -> ScrapeExecuted | None:
    """Publishes the execution of a request that died, unless one is known; the log, the follow-ups and the retries
    learn of it as of any other."""
    if deps.ledger.has_execution(dead):
        return None
    at = dead.event_time or now
    event = build_presumed_failure(dead, why, environment=deps.environment, at=at)
    deps.publisher.publish([event])
    deps.ledger.remember_execution(event)
    return event


def _lease(dead: ScrapeRequested, configuration: Configuration) -> timedelta:
    spec = configuration.catalog.get(dead.scraper)
    return LEASE_SLACK + timedelta(seconds=spec.timeout_seconds if spec else 540)


def _fact(event: ScrapeExecuted, configuration: Configuration) -> ExecutionFact:
    return ExecutionFact(
        request_id=event.request_id,
        scraper=event.scraper_name,
        game_date=event.game_date,
        subject=subject_of(event.parameters, configuration.subject_parameters),
        status=event.outcome.status,
        kind=event.outcome.kind if isinstance(event.outcome, Failed) else None,
        source=event.source,
        triggered_at=event.triggered_at,
        completeness=completeness_of(event),
    )

"""Failures of requests without an execution, so that the log, the follow-ups and the retries include them.

Such a failure is an event like any other execution: the controller logs it when its own subscription delivers it. The
content depends on the request alone, so publishing a failure twice has the effect of publishing it once.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from tipoff_common.binding import Message, Refused, decode
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_presumed_failure, declared_parameters
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_controller.past import Past, expired, lease
from tipoff_planning.context import EvaluationContext
from tipoff_planning.drafts import request

log = logging.getLogger(__name__)


def note_dead_request(message: Message, deps: Deps) -> None:
    """Publish the failure of a request that ran out of delivery attempts, unless it was executed."""
    try:
        dead = decode(message).payload
    except Refused as refused:
        log.error(
            "failed request cannot be decoded; it is in its dead letter", extra={"detail": str(refused)}
        )
        return
    # Dead letters carry events of every kind; only a request has an outcome that a plan waits for.
    if not isinstance(dead, ScrapeRequested) or dead.request_id in deps.published:
        return
    if dead.occurrence_id is not None:
        state = deps.occurrences.load(Key(dead.game_date, dead.occurrence_id))
        # The request was executed although every answer to its delivery was lost: keep the real outcome.
        if dead.request_id in state.executions:
            return
    # The time at which Pub/Sub gave up, equal at each delivery of the dead letter.
    at = dead.event_time or message.publish_time or dead.requested_at + lease(dead.scraper, deps)
    # Not logged here: the controller's own subscription delivers the failure, and
    # the controller logs it like any execution.
    failure = presume_dead(dead, "no delivery attempts are left", deps, at)
    deps.publisher.publish([failure])
    deps.published.add(dead.request_id)


def draft_lease_failures(past: Past, context: EvaluationContext, deps: Deps) -> Iterator[ScrapeExecuted]:
    """Draft the failure of each request whose lease has expired and that has no execution in the dataset either."""
    if past.stale:
        return  # Without the dataset, a request looks dead if only the message of its execution was lost.
    for state in past.states.values():
        plan, standing = state.plan, state.progress
        if plan is None or standing is None:
            continue
        for identifier in expired(state, context.wall, deps):
            attempt = standing.attempt(identifier)
            # The dataset has its execution: `_settle_past` has just appended it to the log.
            if attempt is None or identifier in past.answer.requests:
                continue
            # Rebuilt from the frozen plan, so that the failure carries the original parameters
            # and not today's configuration.
            dead = request(plan, attempt, standing.requested[identifier])
            allowed = lease(dead.scraper, deps)
            at = dead.event_time or dead.requested_at + allowed
            yield presume_dead(dead, f"no execution within {allowed}", deps, at)


def presume_dead(dead: ScrapeRequested, why: str, deps: Deps, at: datetime) -> ScrapeExecuted:
    """Build the failed execution of a request that has none."""
    # None for a scraper that a later deployment removed.
    spec = deps.configuration.catalog.get(dead.scraper)
    opts = declared_parameters(dead, spec) if spec else {}
    event = build_presumed_failure(dead, why, opts=opts, environment=deps.environment, at=at)
    return event.model_copy(update={"run_id": str(uuid5(NAMESPACE_OID, f"presumed:{dead.request_id}"))})

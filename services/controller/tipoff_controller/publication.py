"""Storage of decisions, then their publication: a stored decision is never made again."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from tipoff_common.events import ScrapeRequested
from tipoff_controller.deps import Deps
from tipoff_controller.follow_ups import publish_entries
from tipoff_controller.occurrence_store import Key
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.occurrence_log import Entry, OccurrenceState
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress

log = logging.getLogger(__name__)


def publish_batch(batch: DecisionBatch, name: str, deps: Deps, now: datetime) -> None:
    """Write the plans and requests of a batch, then publish the whole batch.

    A crash in between leaves the tick's message unacknowledged: the next delivery writes the missing entries and
    publishes everything, with the same ids and the same content.

    Raises:
        Unavailable
    """
    # The batch's locks and changes are drafts (`late_locks`); the lock to publish is the first
    # written, by this or another process.
    locks = deps.ledger.remember_locks(batch.locks)
    deps.ledger.remember_changes(batch.schedules)
    requests: dict[Key, list[ScrapeRequested]] = defaultdict(list)
    for request in batch.requests:
        if request.occurrence_id is not None:
            requests[Key(request.game_date, request.occurrence_id)].append(request)
    plans = {Key(plan.game_date, plan.occurrence_id): plan for plan in batch.plans}
    to_publish: list[ScrapeRequested] = []
    # Both, since a retry has requests and no plan, and an occurrence that waits for its parents has only a plan.
    for key in dict.fromkeys([*plans, *requests]):
        plan = plans.get(key)
        state = _remember(key, plan, requests[key], deps, now)
        # A repeated batch finds its own plan in the log; when the log has another
        # decision's plan, that decision publishes its own requests.
        if plan is None or _is_same_decision(state.plan, plan):
            to_publish += requests[key]
        else:
            # Another tick froze a plan first, and publishes the requests of that plan.
            log.warning(
                "another evaluation has already decided the occurrence",
                extra={"occurrence": key.occurrence_id},
            )
    # The writes above are idempotent and cheap; publishing thousands of messages again is not.
    if name in deps.published:
        return
    # Requests first, since the publisher sends their topic first and a runner can begin. Everything is stored by now,
    # so no reader of a decision's row depends on the order.
    deps.publisher.publish([*to_publish, *batch.decisions, *locks, *batch.schedules, *batch.failures])
    deps.published.add(name)


def begin_run(plan: Plan, deps: Deps, now: datetime) -> None:
    """Write the first entry of a manual run, and publish its first requests. Raises Unavailable."""
    key = Key(plan.game_date, plan.occurrence_id)
    with deps.occurrences.lock(key):
        state = deps.occurrences.load(key)
        entry: Entry | None = None
        # The message may be delivered twice; the plan written first is the one that runs.
        if state.plan is None:
            first = PlanProgress(plan)
            requested = tuple(first.request_id(attempt) for attempt in first.due(now))
            ours, is_first = Entry(at=now, plan=plan, requested=requested), state.next_number == 0
            if not deps.occurrences.append(state, ours):
                deps.occurrences.catch_up(state)
            elif is_first:
                entry = ours
        deps.occurrences.open(key)
        # Read the entry only when an earlier delivery, or another process, has written it.
        if (entry := entry or deps.occurrences.entries(key, [0]).get(0)) is not None:
            publish_entries(state, {0: entry}, deps)


def _remember(
    key: Key, plan: Plan | None, requests: Iterable[ScrapeRequested], deps: Deps, now: datetime
) -> OccurrenceState:
    """Append the plan and the requests that the occurrence's log lacks."""
    with deps.occurrences.lock(key):
        state = deps.occurrences.load(key)
        while True:
            missing_plan = plan if state.plan is None else None
            standing = state.progress.requested if state.progress else {}
            missing = tuple(item.request_id for item in requests if item.request_id not in standing)
            # When another decision's plan is in the log, the requests of this plan
            # must not be added to it.
            ours = missing_plan is not None or plan is None or _is_same_decision(state.plan, plan)
            if not ours or (missing_plan is None and not missing):
                break
            if deps.occurrences.append(state, Entry(at=now, plan=missing_plan, requested=missing)):
                # This entry's requests are published with the batch; publishing the entry as well
                # would send each of them twice.
                state.published.add(state.next_number - 1)
                break
            # Another process took the number: apply its entry, and compute the missing parts again.
            deps.occurrences.catch_up(state)
        # Also when the entry exists already: the delivery that wrote it may have
        # crashed before it created the marker.
        if plan is not None:
            deps.occurrences.open(key)
        return state


def _is_same_decision(known: Plan | None, plan: Plan) -> bool:
    return known is not None and known.decision_id == plan.decision_id

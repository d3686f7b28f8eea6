"""Remembers what was decided, then publishes it: what was decided once is never decided again."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from tipoff_common.events import ScrapeRequested
from tipoff_controller.deps import Deps
from tipoff_controller.follow_ups import publish_entry
from tipoff_controller.occurrence_store import Key
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.occurrence_log import Entry, OccurrenceState
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress

log = logging.getLogger(__name__)


def publish_batch(batch: DecisionBatch, name: str, deps: Deps, now: datetime) -> None:
    """Write the plans and requests of a batch down, then publish all of it.

    A crash in between leaves its message unacknowledged: the next delivery finds what is written, writes the rest and
    publishes everything, with the same ids and the same content.

    Raises:
        Unavailable
    """
    locks = deps.ledger.remember_locks(batch.locks)
    deps.ledger.remember_changes(batch.schedules)
    requests: dict[Key, list[ScrapeRequested]] = defaultdict(list)
    for request in batch.requests:
        if request.occurrence_id is not None:
            requests[Key(request.game_date, request.occurrence_id)].append(request)
    plans = {Key(plan.game_date, plan.occurrence_id): plan for plan in batch.plans}
    going_out: list[ScrapeRequested] = []
    for key in dict.fromkeys([*plans, *requests]):
        plan = plans.get(key)
        state = _remember(key, plan, requests[key], deps, now)
        if plan is None or _same(state.plan, plan):
            going_out += requests[key]
        else:
            # Another tick froze a plan first, and has asked for what is in it.
            log.warning("occurrence was decided before", extra={"occurrence": key.occurrence_id})
    if name in deps.published:
        return
    deps.publisher.publish([*batch.decisions, *locks, *batch.schedules, *batch.failures, *going_out])
    deps.published.add(name)


def begin_run(plan: Plan, deps: Deps, now: datetime) -> None:
    """Write the first entry of a manual run down, and publish its first requests. Raises Unavailable."""
    key = Key(plan.game_date, plan.occurrence_id)
    with deps.occurrences.lock(key):
        state = deps.occurrences.load(key)
        if state.plan is None:
            first = PlanProgress(plan)
            requested = tuple(first.request_id(attempt) for attempt in first.due(now))
            _append(state, Entry(at=now, plan=plan, requested=requested), deps)
        deps.occurrences.open(key)
        if (entry := deps.occurrences.entry(key, 0)) is not None:
            publish_entry(state, 0, entry, deps)


def _remember(
    key: Key, plan: Plan | None, requests: Iterable[ScrapeRequested], deps: Deps, now: datetime
) -> OccurrenceState:
    """Append the plan and the requests that the occurrence's log does not have."""
    with deps.occurrences.lock(key):
        state = deps.occurrences.load(key)
        while True:
            missing_plan = plan if state.plan is None else None
            standing = state.progress.requested if state.progress else {}
            missing = tuple(item.request_id for item in requests if item.request_id not in standing)
            ours = missing_plan is not None or plan is None or _same(state.plan, plan)
            if not ours or (missing_plan is None and not missing):
                break
            if deps.occurrences.append(state, Entry(at=now, plan=missing_plan, requested=missing)):
                state.published.add(state.next_number - 1)
                break
            deps.occurrences.catch_up(state)
        if plan is not None:
            deps.occurrences.open(key)
        return state


def _append(state: OccurrenceState, entry: Entry, deps: Deps) -> None:
    if not deps.occurrences.append(state, entry):
        deps.occurrences.catch_up(state)


def _same(known: Plan | None, plan: Plan) -> bool:
    return known is not None and known.decision_id == plan.decision_id

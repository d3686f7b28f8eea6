"""Manual runs: a workflow that a caller requests.

The route responds when the run is written. The requests follow when the controller's own subscription delivers the
decision: Cloud Run gives no CPU after a response, and Pub/Sub delivers a message until the controller acknowledges it.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from tipoff_common.events import Action, AlertLevel, Source, WorkflowDecided
from tipoff_common.identity import manual_occurrence_id
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_controller.publication import begin_run
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision
from tipoff_planning.drafts import DecisionBatch, draft
from tipoff_planning.manual_runs import (
    IdempotencyKeyConflict,
    ManualRun,
    RunProgress,
    UnitProgress,
    UnusableRun,
    difference,
    manual_occurrence,
    outstanding_of,
)
from tipoff_planning.occurrence_log import LoggedExecution
from tipoff_planning.occurrences import games_of
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress, State, UnitStatus
from tipoff_planning.reasons import Reason

log = logging.getLogger(__name__)

_MANUAL_TICK = datetime(1970, 1, 1, tzinfo=UTC)
"""A constant in place of a tick: each manual run is decided once."""


def draft_run(
    workflow: str, run: ManualRun, deps: Deps, *, caller: str, now: datetime, idempotency_key: str | None
) -> DecisionBatch:
    """Draft the decision and requests of a manual run; the caller's key, or else a fresh one, is its identity.

    Raises:
        UnusableRun
        Unavailable: the calendar cannot be read.
    """
    configuration = deps.configuration
    games = run.games
    # Frozen now: the run requests the games that the calendar lists now, even if the calendar changes before it begins.
    uncovered = None
    if games is None:
        calendar = deps.calendar.current(now)
        games = games_of(configuration, calendar, run.game_date)
        uncovered = calendar.uncovered(run.game_date) if calendar else None
    key = idempotency_key or str(uuid4())
    occurrence = manual_occurrence(workflow, run, games, configuration, now, key, uncovered=uncovered)
    decision = Decision(
        occurrence=occurrence,
        action=Action.RUN,
        code=Reason.MANUAL,
        sentence=f"Requested by {caller} for {run.game_date}.",
        alert_level=AlertLevel.NONE,
        # A manual run is decided once and never evaluated again.
        next_check=None,
        context={"idempotency_key": idempotency_key},
        outstanding=outstanding_of(workflow, run, configuration),
    )
    context = EvaluationContext(
        environment=deps.environment,
        tick=_MANUAL_TICK,
        now=now,
        wall=now,
        triggered_by=caller,
        source=Source.MANUAL,
        priority=run.priority,
    )
    batch = draft([decision], configuration, context)
    for step in batch.plans[0].steps:
        # Only a fan-out over known values; a fan-out over a parent's output is
        # bounded when the output arrives.
        size = len(step.fan_out) if isinstance(step.fan_out, tuple) else 0
        if size > configuration.file.max_fan_out:
            raise UnusableRun(
                f"{step.name} would fan out into {size:,} requests; the limit is"
                f" {configuration.file.max_fan_out:,} (max_fan_out); choose fewer games or teams with steps"
            )
    # Without requests, the run would be complete at once and fetch nothing.
    if not batch.requests:
        reason = uncovered or f"no games or teams to request on {run.game_date}"
        raise UnusableRun(f"game_date: {reason}; name a day with games")
    return batch


def run_workflow(batch: DecisionBatch, deps: Deps) -> DecisionBatch:
    """Write a drafted run and publish its decision; a repeated key publishes the first draft again.

    Raises:
        IdempotencyKeyConflict: the key belongs to a run with other parameters.
        Unavailable
    """
    # Without the requests: they follow from the plan, and would be most of the object of a large run.
    stored = deps.ledger.remember_manual_run(batch.model_copy(update={"requests": ()}))
    if (differs := difference(stored.plans[0], batch.plans[0])) is not None:
        raise IdempotencyKeyConflict(
            f"Idempotency-Key: a run with another {differs} has this key; give another key"
        )
    deps.publisher.publish(stored.decisions)
    return stored.model_copy(update={"requests": batch.requests})


def begin_manual_run(event: WorkflowDecided, deps: Deps, now: datetime) -> None:
    """Publish the first requests of a manual run when its decision is delivered. Raises Unavailable."""
    decided = deps.ledger.manual_run(event.occurrence_id)
    # Log and acknowledge: a redelivery would not find the run either.
    if decided is None:
        log.error("manual run is not in the ledger", extra={"occurrence": event.occurrence_id})
        return
    for plan in decided.plans:
        begin_run(plan, deps, now)


def read_run(workflow: str, idempotency_key: str, deps: Deps) -> RunProgress | None:
    """Return the progress of the run with this key; None when there is no such run. Raises Unavailable."""
    occurrence = manual_occurrence_id(workflow, idempotency_key)
    decided = deps.ledger.manual_run(occurrence)
    if decided is None:
        return None
    # A manual run is one occurrence, hence one plan.
    (plan,) = decided.plans
    key = Key(plan.game_date, occurrence)
    with deps.occurrences.lock(key):
        # Accepted but not begun: the decision is not delivered yet, so the log has no plan.
        state = deps.occurrences.load(key)
        standing = state.progress or PlanProgress(plan)
        return RunProgress(
            occurrence_id=occurrence,
            game_date=plan.game_date,
            settled=standing.settled,
            stalled=standing.counts[State.OPEN] > 0 and not standing.under_way,
            units=tuple(_unit_progress(item, plan, state.executions) for item in standing.units()),
            skipped={item.step: item.reason for item in standing.skipped},
        )


def _unit_progress(item: UnitStatus, plan: Plan, executions: Mapping[str, LoggedExecution]) -> UnitProgress:
    unit, state, attempt = item
    # `attempt` is the next attempt, except after a success, which has no next one.
    answered = attempt if state is State.SUCCESS else attempt - 1
    last = executions.get(unit.request_id(plan.occurrence_id, answered)) if answered else None
    return UnitProgress(
        step=unit.step,
        scraper=unit.scraper,
        parameters=unit.parameters,
        state=state,
        attempt=attempt,
        kind=last.kind if last is not None and state is State.GIVEN_UP else None,
        message=last.message if last is not None else "",
        records=last.records if last is not None else None,
        set_aside=last.set_aside if last is not None else 0,
    )

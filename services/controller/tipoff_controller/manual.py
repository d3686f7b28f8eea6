"""Runs of a workflow that somebody asks for."""

from datetime import UTC, datetime
from uuid import uuid4

from tipoff_common.events import Action, AlertLevel, Source
from tipoff_common.identity import manual_occurrence_id
from tipoff_controller.deps import Deps
from tipoff_controller.evaluation import publish_decided
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decisions import Decision, Reason
from tipoff_planning.drafts import DecisionBatch, draft
from tipoff_planning.history import Known
from tipoff_planning.manual_runs import (
    ManualRun,
    RunProgress,
    UnitProgress,
    UnusableRun,
    asked_occurrence,
    outstanding_of,
)
from tipoff_planning.occurrences import games_of
from tipoff_planning.plans import Plan
from tipoff_planning.progress import State, UnitStatus, progress
from tipoff_planning.workflows import takes_game

_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of a tick: a manual run is decided once."""


def draft_run(
    workflow: str, run: ManualRun, deps: Deps, *, caller: str, now: datetime, idempotency_key: str | None
) -> DecisionBatch:
    """The decision and requests of a manual run; the caller's key, else a fresh one, is its identity.

    Raises:
        UnusableRun
        Unavailable: the calendar cannot be read.
    """
    configuration = deps.configuration
    games = run.games
    if games is None:
        games = games_of(configuration, deps.calendar.current(), run.game_date)
    occurrence = asked_occurrence(workflow, run, games, configuration, now, idempotency_key or str(uuid4()))
    decision = Decision(
        occurrence=occurrence,
        action=Action.RUN,
        code=Reason.MANUAL,
        sentence=f"Asked for by {caller} for {run.game_date}.",
        alert_level=AlertLevel.NONE,
        next_check=None,
        context={"idempotency_key": idempotency_key},
        outstanding=outstanding_of(workflow, run, configuration),
    )
    context = EvaluationContext(
        environment=deps.environment,
        tick=_ONCE,
        now=now,
        wall=now,
        triggered_by=caller,
        source=Source.MANUAL,
        priority=run.priority,
    )
    drafted = draft([decision], configuration, context)
    if not drafted.requests:
        raise UnusableRun(
            f"game_date: no games or teams of {run.game_date} to ask for; name a day with games"
        )
    return drafted


def run_workflow(drafted: DecisionBatch, deps: Deps) -> DecisionBatch:
    """Publishes a drafted run; the same key publishes the first draft again.

    Raises:
        UnusableRun: the key is that of a run for another date or game.
        Unavailable
    """
    decided = deps.ledger.remember_manual_run(drafted)
    (asked,), (first,) = drafted.decisions, decided.decisions
    per_game = takes_game(deps.configuration.workflows[asked.workflow_name])
    if first.game_date != asked.game_date or (per_game and first.target_games != asked.target_games):
        about = f"{first.game_date} {' '.join(first.target_games) if per_game else ''}".rstrip()
        raise UnusableRun(f"Idempotency-Key: it is that of the run for {about}; give another")
    for plan in decided.plans:
        deps.ledger.open_run(plan)
    publish_decided(decided, deps)
    return decided


def read_run(workflow: str, idempotency_key: str, deps: Deps) -> RunProgress | None:
    """How far the run under the key has come, None when there is none. Raises Unavailable."""
    occurrence = manual_occurrence_id(workflow, idempotency_key)
    decided = deps.ledger.manual_run(occurrence)
    if decided is None:
        return None
    (plan,) = decided.plans
    known = deps.ledger.known(deps.ledger.occurrence(plan.game_date, occurrence))
    result = progress(plan, known)
    return RunProgress(
        occurrence_id=occurrence,
        game_date=plan.game_date,
        settled=result.settled,
        stalled=bool(result.due) and State.UNDER_WAY not in result.states,
        units=tuple(_unit_progress(item, plan, known) for item in result.units),
        skipped={item.step: item.reason for item in result.skipped},
    )


def _unit_progress(item: UnitStatus, plan: Plan, known: Known) -> UnitProgress:
    unit, state, attempt = item
    last = known.executions.get(unit.request_id(plan.occurrence_id, attempt - 1))
    return UnitProgress(
        step=unit.step,
        scraper=unit.scraper,
        parameters=unit.parameters,
        state=state,
        attempt=attempt,
        kind=last.kind if last is not None and state is State.GIVEN_UP else None,
    )

"""Conversion of decisions to events, plans and requests. Pure."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from tipoff_common import RELEASE
from tipoff_common.events import (
    Action,
    AlertLevel,
    ScheduleLocked,
    ScrapeExecuted,
    ScrapeRequested,
    WorkflowDecided,
)
from tipoff_common.identity import decision_id
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decision import Decision
from tipoff_planning.decisions import undecidable
from tipoff_planning.plans import Plan, freeze
from tipoff_planning.progress import Attempt, PlanProgress, SkippedStep
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import Configuration


class DecisionBatch(BaseModel):
    """Everything to publish for one tick, or one manual run."""

    decisions: tuple[WorkflowDecided, ...]
    plans: tuple[Plan, ...] = Field(description="the plans frozen by the decisions")
    requests: tuple[ScrapeRequested, ...] = Field(
        description="the first requests of those plans, and retries"
    )
    locks: tuple[ScheduleLocked, ...] = Field(default=(), description="a schedule locked after its tick")
    schedules: tuple[ScheduleLocked, ...] = Field(default=(), description="changes of locked schedules")
    failures: tuple[ScrapeExecuted, ...] = Field(
        default=(), description="failures of requests whose lease has expired"
    )


def draft(
    decisions: Iterable[Decision], configuration: Configuration, context: EvaluationContext
) -> DecisionBatch:
    """Return the decisions as events, with the plans they freeze and their requests."""
    events: list[WorkflowDecided] = []
    plans: list[Plan] = []
    requests: list[ScrapeRequested] = []
    for decision in decisions:
        try:
            event, plan, own_requests = _draft_one(decision, configuration, context)
        except Exception as error:  # noqa: BLE001  # one occurrence's requests must not stop the others
            aborted = undecidable(decision, context.now, error)
            # This cannot fail in the same way: an aborted decision has no plan and no requests.
            event, plan, own_requests = _draft_one(aborted, configuration, context)
        events.append(event)
        plans += [plan] if plan is not None else []
        requests += own_requests
    return DecisionBatch(decisions=tuple(events), plans=tuple(plans), requests=tuple(requests))


def _draft_one(
    decision: Decision, configuration: Configuration, context: EvaluationContext
) -> tuple[WorkflowDecided, Plan | None, list[ScrapeRequested]]:
    """Return the decision's event, the plan that it freezes, and its requests."""
    identifier = decision_id(decision.occurrence.id, context.tick)
    frozen: Plan | None = None
    attempts: Iterable[Attempt] = ()
    requests: list[ScrapeRequested] = []
    if decision.outstanding is not None:
        frozen = freeze(decision.occurrence, configuration, context, decision.outstanding.steps)
        # A plan just frozen has no history: its request ids are new.
        attempts = PlanProgress(frozen).due(context.wall)
        requests = [request(frozen, attempt, context.wall) for attempt in attempts]
    elif decision.plan is not None:  # retries of an earlier decision's plan, under that plan's ids
        attempts = decision.due
        requests = [request(decision.plan, attempt, context.wall) for attempt in attempts]
    return _event(decision, identifier, attempts, configuration, context), frozen, requests


def _event(
    decision: Decision,
    identifier: str,
    attempts: Iterable[Attempt],
    configuration: Configuration,
    context: EvaluationContext,
) -> WorkflowDecided:
    occurrence = decision.occurrence
    # A decision to wait targets no games, even if its occurrence is about games.
    games = occurrence.games if decision.action is Action.RUN else ()
    return WorkflowDecided(
        decision_id=identifier,
        occurrence_id=occurrence.id,
        workflow_name=occurrence.workflow,
        game_date=occurrence.game_date,
        decision_time=context.now,
        action=decision.action,
        reason_code=decision.code.value,
        reason=decision.sentence,
        context=decision.context,
        # Each scraper once, although a fan-out requests it for every game.
        scrapers_triggered=tuple(dict.fromkeys(attempt.unit.scraper for attempt in attempts)),
        target_games=tuple(game.game_id for game in games),
        next_check_time=decision.next_check,
        priority=context.priority or configuration.workflows[occurrence.workflow].priority,
        alert_level=decision.alert_level,
        config_hash=configuration.hash,
        controller_version=RELEASE,
        environment=context.environment,
        triggered_by=context.triggered_by,
    )


def request(plan: Plan, attempt: Attempt, wall: datetime) -> ScrapeRequested:
    """Return the request for one attempt of a plan's unit."""
    unit = attempt.unit
    return ScrapeRequested(
        request_id=unit.request_id(plan.occurrence_id, attempt.number),
        occurrence_id=plan.occurrence_id,
        decision_id=plan.decision_id,
        workflow=plan.workflow,
        step=unit.step,
        scraper=unit.scraper,
        game_date=plan.game_date,
        parameters=unit.parameters,
        attempt=attempt.number,
        source=plan.source,
        priority=plan.priority,
        triggered_by=plan.triggered_by,
        # The plan's hash and not the current one: a request follows the configuration frozen with its plan.
        config_hash=plan.config_hash,
        requested_at=wall,
        event_time=plan.event_time,
    )


def skip(plan: Plan, skipped: SkippedStep, environment: str, now: datetime) -> WorkflowDecided:
    """Return the decision that a step of a plan is never requested."""
    # From the plan's decision time and not from now: a second controller that skips the step writes the same row.
    identifier = decision_id(f"{plan.occurrence_id}:{skipped.step}", plan.decided_at)
    return WorkflowDecided(
        decision_id=identifier,
        occurrence_id=plan.occurrence_id,
        workflow_name=plan.workflow,
        game_date=plan.game_date,
        decision_time=now,
        action=Action.SKIP,
        reason_code=Reason.PARENT_UNFRUITFUL.value,
        reason=f"{skipped.step} is not requested: {skipped.reason}.",
        context={"step": skipped.step, "scraper": skipped.scraper, "parent": skipped.parent},
        priority=plan.priority,
        alert_level=AlertLevel.NONE,
        # The plan's hash here as well: its configuration is the one that skips the step.
        config_hash=plan.config_hash,
        controller_version=RELEASE,
        environment=environment,
        triggered_by=plan.triggered_by,
    )

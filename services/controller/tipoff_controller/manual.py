"""Runs of a workflow that somebody asks for."""

from datetime import UTC, date, datetime
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tipoff_common.events import Action, AlertLevel, Source
from tipoff_common.identity import manual_occurrence_id
from tipoff_controller.decisions import Decision, Reason
from tipoff_controller.drafting import draft_decided
from tipoff_controller.handlers import Deps, publish_decided
from tipoff_controller.ledger import Decided
from tipoff_controller.occurrences import Occurrence
from tipoff_controller.plans import Progress, UnitState, units

_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of a tick: a manual run is decided once."""


class ManualRun(BaseModel):
    """The body of a manual trigger."""

    model_config = ConfigDict(extra="forbid")

    game_date: date = Field(description="the date the data is about, America/New_York")
    scrapers: tuple[str, ...] = Field(
        default=(), description="only these of the workflow's scrapers; all when empty"
    )


class UnknownScrapers(Exception):
    """Scrapers that the workflow does not have; the message names those it has."""


class _Manual(Occurrence):
    """An occurrence whose identity is the caller's key."""

    @property
    def id(self) -> str:
        return manual_occurrence_id(self.workflow, self.subject)


def draft_run(
    workflow: str, run: ManualRun, deps: Deps, *, caller: str, now: datetime, idempotency_key: str | None
) -> Decided:
    """The decision and requests of a manual run; the caller's key, else a fresh one, is its identity.

    Raises:
        UnknownScrapers
    """
    plan = deps.configuration.workflows[workflow]
    known = [step.scraper for step in plan.steps]
    if unknown := [name for name in run.scrapers if name not in known]:
        raise UnknownScrapers(f"{', '.join(unknown)} not in {workflow}; it has {', '.join(known)}")
    key = idempotency_key or str(uuid4())
    occurrence = _Manual(workflow, run.game_date, key, 0, now, now, (), "asked for by hand")
    todo = tuple(
        UnitState(unit, Progress.OPEN, 1)
        for unit in units(occurrence, plan)
        if not run.scrapers or unit.scraper in run.scrapers
    )
    decision = Decision(
        occurrence=occurrence,
        action=Action.RUN,
        code=Reason.MANUAL,
        sentence=f"Asked for by {caller} for {run.game_date}.",
        alert_level=AlertLevel.NONE,
        next_check=None,
        context={"idempotency_key": idempotency_key},
        todo=todo,
    )
    return draft_decided(
        [decision],
        deps.configuration,
        environment=deps.environment,
        tick=_ONCE,
        decided_at=now,
        requested_at=now,
        triggered_by=caller,
        source=Source.MANUAL,
        event_time=None,
    )


def run_workflow(drafted: Decided, deps: Deps) -> Decided:
    """Publishes a drafted run; the same key publishes the first draft again. Raises Unavailable."""
    decided = deps.ledger.remember_decided(f"manual/{drafted.decisions[0].occurrence_id}", drafted)
    publish_decided(decided, deps)
    return decided

"""Runs of a workflow that somebody asks for."""

from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tipoff_common.clock import GameDate
from tipoff_common.events import Action, AlertLevel, Source
from tipoff_common.identity import manual_occurrence_id
from tipoff_controller.decisions import Decision, Reason
from tipoff_controller.deps import Deps
from tipoff_controller.drafting import Occasion, draft
from tipoff_controller.evaluation import publish_decided
from tipoff_controller.ledger import Decided
from tipoff_controller.occurrences import Occurrence, games_of
from tipoff_controller.wanted import Wanted
from tipoff_controller.workflows import Configuration, ForEachOutput, takes_game

_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""In place of a tick: a manual run is decided once."""


class ManualRun(BaseModel):
    """The body of a manual trigger."""

    model_config = ConfigDict(extra="forbid")

    game_date: GameDate = Field(description="the date the data is about, America/New_York")
    scrapers: tuple[str, ...] = Field(
        default=(), description="only these of the workflow's scrapers; all when empty"
    )
    game_id: str | None = Field(default=None, description="the game, for a workflow that runs for each game")


class UnusableRun(Exception):
    """The body does not fit the workflow; the message names the field and the remedy."""


def draft_run(
    workflow: str, run: ManualRun, deps: Deps, *, caller: str, now: datetime, idempotency_key: str | None
) -> Decided:
    """The decision and requests of a manual run; the caller's key, else a fresh one, is its identity.

    Raises:
        UnusableRun
        Unavailable: the calendar cannot be read.
    """
    configuration = deps.configuration
    games = games_of(configuration, deps.calendar.current(), run.game_date)
    if run.game_id is not None:
        games = tuple(game for game in games if game.game_id == run.game_id)
    occurrence = Occurrence(
        workflow,
        run.game_date,
        run.game_date,
        _subject(workflow, run, configuration),
        0,
        now,
        now,
        games,
        "asked for by hand",
        identity=manual_occurrence_id(workflow, idempotency_key or str(uuid4())),
    )
    decision = Decision(
        occurrence=occurrence,
        action=Action.RUN,
        code=Reason.MANUAL,
        sentence=f"Asked for by {caller} for {run.game_date}.",
        alert_level=AlertLevel.NONE,
        next_check=None,
        context={"idempotency_key": idempotency_key},
        wanted=_wanted(workflow, run, configuration),
    )
    occasion = Occasion(deps.environment, _ONCE, now, now, triggered_by=caller, source=Source.MANUAL)
    drafted = draft([decision], configuration, occasion)
    if not drafted.requests:
        raise UnusableRun(
            f"game_date: no games or teams of {run.game_date} to ask for; name a day with games"
        )
    return drafted


def run_workflow(drafted: Decided, deps: Deps) -> Decided:
    """Publishes a drafted run; the same key publishes the first draft again. Raises Unavailable."""
    decided = deps.ledger.remember_decided(f"manual/{drafted.decisions[0].occurrence_id}", drafted)
    publish_decided(decided, deps)
    return decided


def _subject(workflow: str, run: ManualRun, configuration: Configuration) -> str:
    if takes_game(configuration.workflows[workflow]):
        if run.game_id is None:
            raise UnusableRun(f"game_id: {workflow} runs for each game; name one")
        return run.game_id
    return "-"


def _wanted(workflow: str, run: ManualRun, configuration: Configuration) -> Wanted:
    plan = configuration.workflows[workflow].plan
    if not run.scrapers:
        return Wanted()
    known = list(dict.fromkeys(step.scraper for step in plan.values()))
    if unknown := [name for name in run.scrapers if name not in known]:
        raise UnusableRun(f"scrapers: {', '.join(unknown)} not in {workflow}; it has {', '.join(known)}")
    chosen = {name: None for name, step in plan.items() if step.scraper in run.scrapers}
    for name in chosen:
        source = plan[name].for_each
        if isinstance(source, ForEachOutput) and source.step not in chosen:
            parent = plan[source.step].scraper
            raise UnusableRun(f"scrapers: {plan[name].scraper} needs the output of {parent}; name it as well")
    return Wanted(chosen)

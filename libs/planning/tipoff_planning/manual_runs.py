"""Manual runs: what a caller may ask for, and the progress that is answered. The controller's HTTP contract."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tipoff_common.clock import GameDate
from tipoff_common.events import Priority
from tipoff_common.identity import manual_occurrence_id
from tipoff_common.open_enum import Declared
from tipoff_common.outcomes import FailureKind
from tipoff_common.words import unknown_name
from tipoff_planning.calendar import Game
from tipoff_planning.expectations import WHOLE_DAY
from tipoff_planning.occurrences import Occurrence
from tipoff_planning.outstanding import Outstanding
from tipoff_planning.plans import Plan
from tipoff_planning.progress import State
from tipoff_planning.workflows import Configuration, ForEachOutput, Step, takes_game


class ManualRun(BaseModel):
    """The body of a manual trigger."""

    model_config = ConfigDict(extra="forbid")

    game_date: GameDate = Field(description="the date the data is about")
    scrapers: tuple[str, ...] = Field(
        default=(), description="only these of the workflow's scrapers; all when empty"
    )
    steps: Mapping[str, tuple[str, ...] | None] | None = Field(
        default=None,
        description="in place of scrapers: only these steps, each for these of the games or teams it runs for, null "
        "for all of them",
    )
    game_id: str | None = Field(
        default=None, description="the game, for a workflow that runs or fans out for each game"
    )
    # A backfill sends the games of its date: the landed schedule holds the current season alone.
    games: tuple[Game, ...] | None = Field(
        default=None, description="the date's games; those of the landed schedule when left out"
    )
    priority: Annotated[Priority, Declared] | None = Field(
        default=None, description="the workflow's own when left out"
    )

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.scrapers and self.steps is not None:
            raise ValueError("scrapers and steps: give one of them")
        return self


class UnusableRun(Exception):
    """The body does not fit the workflow; the message names the field and the remedy."""


class KeyTaken(UnusableRun):
    """The Idempotency-Key is that of a run that asks for something else."""


def difference(first: Plan, second: Plan) -> str | None:
    """Return the field of the trigger by which two plans under one key differ, None when they ask for the same."""
    if first.game_date != second.game_date:
        return f"game_date ({first.game_date})"
    # Steps hold all that is asked for with its parameters, so this compares the body and not its spelling.
    if first.steps != second.steps:
        return "choice of scrapers, steps or games"
    return "priority" if first.priority is not second.priority else None


def asked_occurrence(
    workflow: str,
    run: ManualRun,
    games: Sequence[Game],
    configuration: Configuration,
    now: datetime,
    key: str,
    *,
    uncovered: str | None = None,
) -> Occurrence:
    """Build the occurrence of a manual run under `key`. uncovered: why games of its date could not be known; None where
    they could. Raises UnusableRun."""
    subject = WHOLE_DAY
    described = configuration.workflows[workflow]
    if takes_game(described):
        known = [game.game_id for game in games]
        if not known and run.game_id is None:
            why = uncovered or f"none is known on {run.game_date}"
            raise UnusableRun(f"game_id: {workflow} runs for each game, and {why}")
        if run.game_id is None:
            raise UnusableRun(f"game_id: {workflow} runs for each game; name one of {', '.join(known)}")
        # With no game known of that date the caller is believed: old dates have no calendar.
        if known and run.game_id not in known:
            raise UnusableRun(
                f"game_id: no game {run.game_id} on {run.game_date}; there are {', '.join(known)}"
            )
        # The game is the occurrence's subject, as in any run of this kind, so
        # that what is found counts for it.
        subject = run.game_id
    # A fan-out over the date's games or teams is narrowed to the game; without one it would change nothing.
    elif run.game_id is not None and not any(
        step.for_each in ("game", "team") for step in described.plan.values()
    ):
        raise UnusableRun(f"game_id: {workflow} runs for no game; leave it out (--game-id of tipoff trigger)")
    return Occurrence(
        workflow,
        run.game_date,
        run.game_date,
        subject,
        0,
        # Expected now and due from now on; the deadline is not used, as somebody waits for the answer.
        now,
        now,
        tuple(game for game in games if run.game_id in (None, game.game_id)),
        "manual run",
        identity=manual_occurrence_id(workflow, key),
    )


class UnitProgress(BaseModel):
    """Progress of one scraper with its parameters."""

    step: str = Field(description="the step of the workflow")
    scraper: str = Field(description="registered name of the scraper")
    parameters: Mapping[str, str] = Field(description="its final parameters")
    state: State = Field(description="open, waiting, under_way, success, no_data or given_up")
    attempt: int = Field(description="the attempt that is next or under way, counted from 1")
    kind: FailureKind | None = Field(description="of the failure it ended with; null for any other end")
    message: str = Field(
        default="", description="of the last attempt: what a person needs to act, cut to its beginning"
    )
    records: int | None = Field(
        default=None, description="written by the last attempt; null unless it succeeded"
    )
    set_aside: int = Field(
        default=0, description="items of the last attempt's document that could not be read"
    )


class RunProgress(BaseModel):
    """Progress of a manual run."""

    occurrence_id: str = Field(description="identity of the run, for `tipoff trace`")
    game_date: date = Field(description="the date the data is about")
    settled: bool = Field(description="nothing more will come of it")
    stalled: bool = Field(
        description="something is to be requested and nothing is under way: its requests have not gone out yet;"
        " ask for the run under its key again to go on"
    )
    units: tuple[UnitProgress, ...] = Field(description="what it asks for, as far as that is known")
    skipped: Mapping[str, str] = Field(description="steps that are never asked for, each with the reason")


def outstanding_of(workflow: str, run: ManualRun, configuration: Configuration) -> Outstanding:
    """Return the steps and subjects that a manual run asks for. Raises UnusableRun."""
    plan = configuration.workflows[workflow].plan
    if run.steps is not None:
        if unknown := [name for name in run.steps if name not in plan]:
            raise UnusableRun(f"steps: {unknown_name(f'step of {workflow}', unknown[0], plan)}")
        _require_parents("steps", run.steps, plan, {name: name for name in plan})
        return Outstanding(
            {name: None if kept is None else frozenset(kept) for name, kept in run.steps.items()}
        )
    # The whole workflow, frozen without a choice.
    if not run.scrapers:
        return Outstanding()
    known = list(dict.fromkeys(step.scraper for step in plan.values()))
    if unknown := [name for name in run.scrapers if name not in known]:
        raise UnusableRun(f"scrapers: {unknown_name(f'scraper of {workflow}', unknown[0], known)}")
    chosen = {name: None for name, step in plan.items() if step.scraper in run.scrapers}
    _require_parents("scrapers", chosen, plan, {name: step.scraper for name, step in plan.items()})
    return Outstanding(chosen)


def _require_parents(
    field: str, chosen: Mapping[str, object], plan: Mapping[str, Step], names: Mapping[str, str]
) -> None:
    for name in chosen:
        source = plan[name].for_each
        # Only the output that is fanned out over is needed: other parents count as
        # settled when they are left out.
        if isinstance(source, ForEachOutput) and source.step not in chosen:
            raise UnusableRun(
                f"{field}: {names[name]} needs the output of {names[source.step]}; name it as well"
            )

"""Manual runs: requests and progress responses of the controller's HTTP contract."""

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
        default=(), description="the workflow's scrapers to run; all when empty"
    )
    steps: Mapping[str, tuple[str, ...] | None] | None = Field(
        default=None,
        description="in place of scrapers: the steps to run, each with its games or teams, null for all of them",
    )
    game_id: str | None = Field(
        default=None, description="the game, for a workflow that runs or fans out for each game"
    )
    # A backfill sends the games of its date: the landed schedule holds only the current season.
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


class IdempotencyKeyConflict(UnusableRun):
    """The Idempotency-Key belongs to a run with a different body."""


def difference(first: Plan, second: Plan) -> str | None:
    """Return the field of the trigger in which two plans under one key differ, None when they are equivalent."""
    if first.game_date != second.game_date:
        return f"game_date ({first.game_date})"
    # The steps contain all requests with their parameters, so equivalent bodies in different spellings are equal.
    if first.steps != second.steps:
        return "choice of scrapers, steps or games"
    return "priority" if first.priority is not second.priority else None


def manual_occurrence(
    workflow: str,
    run: ManualRun,
    games: Sequence[Game],
    configuration: Configuration,
    now: datetime,
    key: str,
    *,
    uncovered: str | None = None,
) -> Occurrence:
    """Build the occurrence of a manual run under `key`. uncovered: why the calendar does not cover the date, else None.
    Raises UnusableRun."""
    subject = WHOLE_DAY
    definition = configuration.workflows[workflow]
    if takes_game(definition):
        game_ids = [game.game_id for game in games]
        if not game_ids and run.game_id is None:
            reason = uncovered or f"no game is known on {run.game_date}"
            raise UnusableRun(f"game_id: {workflow} runs for each game, and {reason}")
        if run.game_id is None:
            raise UnusableRun(f"game_id: {workflow} runs for each game; name one of {', '.join(game_ids)}")
        # Without known games of the date, accept the caller's game: old dates have no calendar.
        if game_ids and run.game_id not in game_ids:
            raise UnusableRun(
                f"game_id: no game {run.game_id} on {run.game_date}; its games: {', '.join(game_ids)}"
            )
        # The game is the occurrence's subject, as in any per-game run, so that its results count for the game.
        subject = run.game_id
    # game_id narrows a fan-out over the date's games or teams; without such a fan-out it has no effect.
    elif run.game_id is not None and not any(
        step.for_each in ("game", "team") for step in definition.plan.values()
    ):
        raise UnusableRun(
            f"game_id: {workflow} does not run per game; omit game_id (--game-id of tipoff trigger)"
        )
    return Occurrence(
        workflow,
        run.game_date,
        run.game_date,
        subject,
        0,
        # Expected now and due at once; the deadline is not used, as the caller waits for the result.
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
    attempt: int = Field(description="number of the next or running attempt, counted from 1")
    kind: FailureKind | None = Field(description="kind of the final failure; null for any other end")
    message: str = Field(default="", description="error or reason of the last attempt, cut to its beginning")
    records: int | None = Field(
        default=None, description="records written by the last attempt; null unless it succeeded"
    )
    set_aside: int = Field(
        default=0, description="items of the last attempt's document that could not be read"
    )


class RunProgress(BaseModel):
    """Progress of a manual run."""

    occurrence_id: str = Field(description="identity of the run, for `tipoff trace`")
    game_date: date = Field(description="the date the data is about")
    settled: bool = Field(description="no further request will follow")
    stalled: bool = Field(
        description="units are due and none is under way: their requests were not published yet;"
        " trigger the run under its key again to continue"
    )
    units: tuple[UnitProgress, ...] = Field(description="the units known so far")
    skipped: Mapping[str, str] = Field(description="steps that are never requested, each with the reason")


def outstanding_of(workflow: str, run: ManualRun, configuration: Configuration) -> Outstanding:
    """Return the steps and subjects that a manual run requests. Raises UnusableRun."""
    plan = configuration.workflows[workflow].plan
    if run.steps is not None:
        if unknown := [name for name in run.steps if name not in plan]:
            raise UnusableRun(f"steps: {unknown_name(f'step of {workflow}', unknown[0], plan)}")
        _require_parents("steps", run.steps, plan, {name: name for name in plan})
        return Outstanding(
            {name: None if kept is None else frozenset(kept) for name, kept in run.steps.items()}
        )
    # Without a choice: the whole workflow.
    if not run.scrapers:
        return Outstanding()
    scrapers = list(dict.fromkeys(step.scraper for step in plan.values()))
    if unknown := [name for name in run.scrapers if name not in scrapers]:
        raise UnusableRun(f"scrapers: {unknown_name(f'scraper of {workflow}', unknown[0], scrapers)}")
    chosen = {name: None for name, step in plan.items() if step.scraper in run.scrapers}
    _require_parents("scrapers", chosen, plan, {name: step.scraper for name, step in plan.items()})
    return Outstanding(chosen)


def _require_parents(
    field: str, chosen: Mapping[str, object], plan: Mapping[str, Step], names: Mapping[str, str]
) -> None:
    for name in chosen:
        source = plan[name].for_each
        # A step needs only the parent whose output it fans out over: other omitted parents count as settled.
        if isinstance(source, ForEachOutput) and source.step not in chosen:
            raise UnusableRun(
                f"{field}: {names[name]} needs the output of {names[source.step]}; include that as well"
            )

"""Plans: what an occurrence asks for, frozen when it is decided, so that a deploy in between changes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from graphlib import TopologicalSorter

from pydantic import AliasChoices, Field

from tipoff_common.clock import Instant
from tipoff_common.events import Priority, Source
from tipoff_common.identity import decision_id, request_id
from tipoff_planning.context import EvaluationContext
from tipoff_planning.frozen import Frozen
from tipoff_planning.occurrences import Occurrence
from tipoff_planning.schedules import PerGame
from tipoff_planning.workflows import Configuration, ForEachOutput, ForEachValue, Step, Workflow

BATCH_SECONDS = 60
"""At most as many requests of a step are under way as its host's rate lets through in this time, in seconds.

More would wait in the runner for the host's rate, before requests that matter more, until their deliveries expire and
come again. Fewer would leave the rate unused while an execution is on its way back.
"""

MAX_LOW_IN_FLIGHT = 10
"""Of a plan of priority LOW at most so many requests of one step are under way, whatever the host lets through: the
runner takes requests as they come, so this is all that may stand before one that matters more."""


class OutputOf(Frozen):
    """Fan-out over a key that the executions of a parent step give."""

    step: str
    key: str


class PlannedStep(Frozen):
    """One step with everything filled in that is known beforehand."""

    name: str
    scraper: str
    parents: tuple[str, ...]
    """The steps of the plan that have to be settled first."""
    parameters: Mapping[str, str]
    """The parameters that all of its requests have in common."""
    fan_out_parameter: str | None = None
    """The parameter that tells its requests apart, None for a single request."""
    fan_out: tuple[str, ...] | OutputOf = ()
    """That parameter's values, or the parent whose output they are."""
    # An occurrence that was decided before an upgrade goes on after it, so its plan must stay readable.
    max_in_flight: int = Field(validation_alias=AliasChoices("max_in_flight", "wave"))
    """How many of its requests may be under way at once. Plans of the version before call it `wave`."""


class Plan(Frozen):
    """The steps of one occurrence, in an order in which parents come first, and what its requests carry."""

    occurrence_id: str
    decision_id: str
    workflow: str
    game_date: date
    steps: tuple[PlannedStep, ...]
    max_retries: int
    priority: Priority
    source: Source
    triggered_by: str
    config_hash: str
    decided_at: Instant
    event_time: Instant | None = None
    # Part of the plan: a limit that is lowered in between must not cut what was frozen before.
    max_fan_out: int = 10_000
    """The most requests that one step may fan out into."""
    deadline: Instant | None = None
    """Until when retries make sense; null for a manual run, for which somebody waits."""


@dataclass(frozen=True)
class Unit:
    """One scraper with its final parameters; attempt n of it is one request."""

    step: str
    scraper: str
    parameters: Mapping[str, str]

    def request_id(self, occurrence: str, attempt: int) -> str:
        """Return the identity of the unit's request at an attempt."""
        return _request_id(occurrence, self.step, self.scraper, tuple(self.parameters.items()), attempt)


@lru_cache(maxsize=16_384)
def _request_id(
    occurrence: str, step: str, scraper: str, parameters: tuple[tuple[str, str], ...], attempt: int
) -> str:
    """Remembered, because how far a plan has come is asked again with each execution and at each evaluation."""
    return request_id(occurrence, step, scraper, dict(parameters), attempt)


def units(step: PlannedStep, values: Iterable[str]) -> Iterator[Unit]:
    """Yield the step's units; `values` are those of its fan-out parameter."""
    if step.fan_out_parameter is None:  # one request, whatever the values
        yield Unit(step.name, step.scraper, step.parameters)
        return
    # A parent may name a value twice. Two units with the same parameters would be one request that two wait for.
    for value in dict.fromkeys(values):
        yield Unit(step.name, step.scraper, {**step.parameters, step.fan_out_parameter: value})


def freeze(
    occurrence: Occurrence,
    configuration: Configuration,
    context: EvaluationContext,
    only: Mapping[str, frozenset[str] | None] | None = None,
) -> Plan:
    """Return the plan of `occurrence`.

    only: steps to keep, each with the subjects still wanted of it, None for all; the whole workflow when None. Steps
        left out count as settled for those that come after them.
    """
    workflow = configuration.workflows[occurrence.workflow]
    # In that order for good: progress follows a plan in one pass, parents before their children.
    graph = TopologicalSorter({name: step.parents for name, step in workflow.plan.items()})
    kept = [name for name in graph.static_order() if only is None or name in only]
    priority = context.priority or workflow.priority
    return Plan(
        occurrence_id=occurrence.id,
        decision_id=decision_id(occurrence.id, context.tick),
        workflow=occurrence.workflow,
        game_date=occurrence.game_date,
        steps=tuple(
            _planned(
                name, occurrence, configuration, kept, only[name] if only is not None else None, priority
            )
            for name in kept
        ),
        max_retries=workflow.max_retries,
        priority=priority,
        source=context.source,
        triggered_by=context.triggered_by,
        config_hash=configuration.hash,
        decided_at=context.now,
        event_time=context.event_time,
        max_fan_out=configuration.file.max_fan_out,
        # A deadline spreads retries over the rest of a window; whoever starts a manual run waits for the answer.
        deadline=None if context.source is Source.MANUAL else occurrence.deadline,
    )


def asks_for_nothing(occurrence: Occurrence, workflow: Workflow) -> bool:
    """Return whether every step to begin with fans out over games or teams, and none are known."""
    # A child has something to ask for only through its parents.
    roots = (step for step in workflow.plan.values() if not step.parents)
    return all(step.for_each is not None and not fan_out_of(step, occurrence) for step in roots)


def own_parameters(step: Step, occurrence: Occurrence, configuration: Configuration) -> dict[str, str]:
    """Return the parameters of every request of `step`, all but the one it fans out over."""
    filled = {"{game_date}": occurrence.game_date.isoformat(), "{slot}": occurrence.expected.isoformat()}
    # Under one canonical name: three spellings of it are why backfills once never worked.
    own = {"game_date": occurrence.game_date.isoformat()}
    schedule = configuration.workflows[occurrence.workflow].schedule
    # A scraper about the whole day may be a step of such a workflow, and takes no game.
    if isinstance(schedule, PerGame) and "game_id" in configuration.catalog[step.scraper].parameters:
        own["game_id"] = occurrence.subject
    return {**own, **{key: _fill(text, filled) for key, text in step.parameters.items()}}


def _planned(
    name: str,
    occurrence: Occurrence,
    configuration: Configuration,
    kept: list[str],
    subjects: frozenset[str] | None,
    priority: Priority,
) -> PlannedStep:
    step = configuration.workflows[occurrence.workflow].plan[name]
    spec = configuration.catalog[step.scraper]
    fan_out = fan_out_of(step, occurrence)
    if subjects is not None and isinstance(fan_out, tuple):
        fan_out = tuple(value for value in fan_out if value in subjects)
    # A host that takes one request in several minutes still gets that one.
    limit = max(1, int(spec.rate_limit.per_second * BATCH_SECONDS))
    return PlannedStep(
        name=step.id,
        scraper=step.scraper,
        # A parent that is left out counts as settled, or the step would wait for ever.
        parents=tuple(parent for parent in step.parents if parent in kept),
        parameters=own_parameters(step, occurrence, configuration),
        fan_out_parameter=step.fan_out_parameter,
        fan_out=fan_out,
        max_in_flight=min(limit, MAX_LOW_IN_FLIGHT) if priority is Priority.LOW else limit,
    )


def fan_out_of(step: Step, occurrence: Occurrence) -> tuple[str, ...] | OutputOf:
    """Return the values `step` fans out over, () when it does not."""
    match step.for_each:
        case "game":
            return tuple(game.game_id for game in occurrence.games)
        case "team":
            # Sorted: a set differs from process to process, and two controllers must freeze the same plan.
            return tuple(sorted({team for game in occurrence.games for team in game.teams}))
        case ForEachOutput(step=parent, key=key):
            return OutputOf(step=parent, key=key)
        case ForEachValue(values=values):
            return values
    return ()


def _fill(text: str, values: Mapping[str, str]) -> str:
    # Not str.format: a parameter may hold braces of its own, and an unknown placeholder is refused at load.
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text

"""Plans: the requests of an occurrence, frozen at its decision, so that a later deploy does not change them."""

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
"""A step has at most as many requests under way as the rate of its host admits in this time, in seconds.

More requests would wait in the runner for the host's rate, ahead of more important ones, until their deliveries expire
and repeat. Fewer would leave the rate unused while an execution is on its way back.
"""

MAX_LOW_IN_FLIGHT = 10
"""Limit of requests under way per step in a plan of priority LOW, for any host rate: the runner takes requests in
order of arrival, so this limit bounds the queue ahead of a more important request."""


class OutputOf(Frozen):
    """Fan-out over a key in the outputs of a parent step."""

    step: str
    key: str


class PlannedStep(Frozen):
    """One step with all parameters known before it runs."""

    name: str
    scraper: str
    parents: tuple[str, ...]
    """The steps of the plan that have to be settled first."""
    parameters: Mapping[str, str]
    """The common parameters of the step's requests."""
    fan_out_parameter: str | None = None
    """The parameter in which the requests differ, None for a single request."""
    fan_out: tuple[str, ...] | OutputOf = ()
    """The fan-out parameter's values, or the parent whose output gives them."""
    # An occurrence decided before an upgrade continues after it, so its plan must stay readable.
    max_in_flight: int = Field(validation_alias=AliasChoices("max_in_flight", "wave"))
    """The limit of requests under way at once. Plans of the previous version call it `wave`."""


class Plan(Frozen):
    """The steps of one occurrence, parents before children, and the common fields of its requests."""

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
    # Part of the plan: a later, lower limit must not cut a frozen plan.
    max_fan_out: int = 10_000
    """The most requests that one step may fan out into."""
    deadline: Instant | None = None
    """The end of retries; null for a manual run, whose caller waits for it."""


@dataclass(frozen=True)
class Unit:
    """One scraper with its final parameters; each of its attempts is one request."""

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
    """Return a request id, cached because each execution and each evaluation computes a plan's progress again."""
    return request_id(occurrence, step, scraper, dict(parameters), attempt)


def units(step: PlannedStep, values: Iterable[str]) -> Iterator[Unit]:
    """Yield the step's units for the `values` of its fan-out parameter."""
    if step.fan_out_parameter is None:  # one request; `values` does not matter
        yield Unit(step.name, step.scraper, step.parameters)
        return
    # A parent may name a value twice, and two units with the same parameters would share one request id.
    for value in dict.fromkeys(values):
        yield Unit(step.name, step.scraper, {**step.parameters, step.fan_out_parameter: value})


def freeze(
    occurrence: Occurrence,
    configuration: Configuration,
    context: EvaluationContext,
    only: Mapping[str, frozenset[str] | None] | None = None,
) -> Plan:
    """Return the plan of `occurrence`.

    only: the steps to keep, each with the subjects still wanted (None: all of them); None for the whole workflow.
        An omitted step counts as settled for its children.
    """
    workflow = configuration.workflows[occurrence.workflow]
    # Parents before children in the plan itself: progress visits its steps in one pass.
    graph = TopologicalSorter({name: step.parents for name, step in workflow.plan.items()})
    step_names = [name for name in graph.static_order() if only is None or name in only]
    priority = context.priority or workflow.priority
    return Plan(
        occurrence_id=occurrence.id,
        decision_id=decision_id(occurrence.id, context.tick),
        workflow=occurrence.workflow,
        game_date=occurrence.game_date,
        steps=tuple(
            _planned(
                name,
                occurrence,
                configuration,
                step_names,
                only[name] if only is not None else None,
                priority,
            )
            for name in step_names
        ),
        max_retries=workflow.max_retries,
        priority=priority,
        source=context.source,
        triggered_by=context.triggered_by,
        config_hash=configuration.hash,
        decided_at=context.now,
        event_time=context.event_time,
        max_fan_out=configuration.file.max_fan_out,
        # A deadline spreads retries over the rest of a window; the caller of a manual run waits for the result.
        deadline=None if context.source is Source.MANUAL else occurrence.deadline,
    )


def requests_nothing(occurrence: Occurrence, workflow: Workflow) -> bool:
    """Return whether every root step fans out over an empty list, for example when no games or teams are known."""
    # A child depends on its parents' requests.
    roots = (step for step in workflow.plan.values() if not step.parents)
    return all(step.for_each is not None and not fan_out_of(step, occurrence) for step in roots)


def own_parameters(step: Step, occurrence: Occurrence, configuration: Configuration) -> dict[str, str]:
    """Return the common parameters of every request of `step`, without the fan-out parameter."""
    filled = {"{game_date}": occurrence.game_date.isoformat(), "{slot}": occurrence.expected.isoformat()}
    # One canonical name: backfills once failed because the name had three spellings.
    own = {"game_date": occurrence.game_date.isoformat()}
    schedule = configuration.workflows[occurrence.workflow].schedule
    # A per-game workflow may also have a step for the whole day, whose scraper takes no game.
    if isinstance(schedule, PerGame) and "game_id" in configuration.catalog[step.scraper].parameters:
        own["game_id"] = occurrence.subject
    return {**own, **{key: _fill(text, filled) for key, text in step.parameters.items()}}


def _planned(
    name: str,
    occurrence: Occurrence,
    configuration: Configuration,
    step_names: list[str],
    subjects: frozenset[str] | None,
    priority: Priority,
) -> PlannedStep:
    step = configuration.workflows[occurrence.workflow].plan[name]
    spec = configuration.catalog[step.scraper]
    fan_out = fan_out_of(step, occurrence)
    if subjects is not None and isinstance(fan_out, tuple):
        fan_out = tuple(value for value in fan_out if value in subjects)
    # At least one request, for a host whose rate is below one per BATCH_SECONDS.
    limit = max(1, int(spec.rate_limit.per_second * BATCH_SECONDS))
    return PlannedStep(
        name=step.id,
        scraper=step.scraper,
        # Drop omitted parents, or the step would wait for them for ever.
        parents=tuple(parent for parent in step.parents if parent in step_names),
        parameters=own_parameters(step, occurrence, configuration),
        fan_out_parameter=step.fan_out_parameter,
        fan_out=fan_out,
        max_in_flight=min(limit, MAX_LOW_IN_FLIGHT) if priority is Priority.LOW else limit,
    )


def fan_out_of(step: Step, occurrence: Occurrence) -> tuple[str, ...] | OutputOf:
    """Return the fan-out values of `step`; () without a fan-out."""
    match step.for_each:
        case "game":
            return tuple(game.game_id for game in occurrence.games)
        case "team":
            # Sorted: the order of a set differs between processes, and two controllers must freeze the same plan.
            return tuple(sorted({team for game in occurrence.games for team in game.teams}))
        case ForEachOutput(step=parent, key=key):
            return OutputOf(step=parent, key=key)
        case ForEachValue(values=values):
            return values
    return ()


def _fill(text: str, values: Mapping[str, str]) -> str:
    # Not str.format: a parameter may contain braces of its own, and loading rejects unknown placeholders.
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text

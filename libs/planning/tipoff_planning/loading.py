"""Loading of `config/workflows.yaml`: finds every fault before serving, with file, line, value and remedy."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pydantic import BaseModel

from tipoff_common.catalog import Catalog
from tipoff_common.identity import short_hash
from tipoff_common.words import did_you_mean, pluralize
from tipoff_common.yaml_source import ConfigurationError, Location, YamlSource
from tipoff_planning.discovery.steps import CHECK_STEP, fewest_checks
from tipoff_planning.schedules import At, Daily, Discovery, Schedule, tolerance
from tipoff_planning.workflows import (
    CalendarSource,
    Configuration,
    ForEachOutput,
    ForEachValue,
    Step,
    Strategy,
    Workflow,
    WorkflowsFile,
    dividing_an_hour,
    needs_games,
    takes_game,
)

LocatedFault = tuple[Location, str]
MINUTE = timedelta(minutes=1)
# The limit for a file whose own `max_fan_out` cannot be read.
DEFAULT_MAX_FAN_OUT = 10_000


class _FileLimits(BaseModel):
    """The limits of a file, readable even if other parts of it are malformed."""

    max_fan_out: int = DEFAULT_MAX_FAN_OUT


def load_workflows(
    path: Path,
    catalog: Catalog,
    evaluated_every: timedelta | None = None,
    discovered_every: timedelta | None = None,
) -> Configuration:
    """Read and check a workflows file.

    evaluated_every: interval of the evaluation tick, which every schedule has to fit; None without ticks.
    discovered_every: interval of the tick for workflows that cannot wait for an evaluation; None without it.

    Raises:
        ConfigurationError: with every fault of the file.
    """
    source = YamlSource.read(path)
    faults: list[str] = []
    try:
        file = source.validate(WorkflowsFile)
    # Keep the faults of shape and go on: a person should see all faults at once.
    except ConfigurationError as error:
        faults += error.faults
    faults += [
        source.fault(where, what)
        for where, what in _faults(source, catalog, evaluated_every, discovered_every)
    ]
    if faults:
        raise ConfigurationError(faults)
    # Hash the bytes, so that a changed comment is a changed configuration as well: decisions record the exact file.
    return Configuration(file=file, catalog=catalog, hash=short_hash(path.read_bytes()))


def _faults(
    source: YamlSource,
    catalog: Catalog,
    evaluated_every: timedelta | None,
    discovered_every: timedelta | None,
) -> Iterator[LocatedFault]:
    """Yield faults beyond shape from each well-formed part, so that all faults are reported at once."""
    calendar = source.part(CalendarSource, ("calendar",))
    if calendar and calendar.scraper:
        if calendar.scraper not in catalog:
            yield ("calendar", "scraper"), _unknown_scraper(calendar.scraper, catalog)
        # The scraper would wait for a calendar that only the scraper itself can land.
        elif catalog[calendar.scraper].needs_games:
            fault = f"{calendar.scraper} needs games itself, so it cannot list them; name the scraper of the schedule"
            yield ("calendar", "scraper"), fault
    for at in source.entries(("workflows",)):
        workflow = source.part(Workflow, at)
        # A malformed workflow: its scrapers' names can still be checked.
        if workflow is None:
            yield from _names_in_steps(source, (*at, "steps"), catalog)
            continue
        steps: Location = (*at, "steps")
        if needs_games(workflow, catalog) and not (calendar and calendar.scraper):
            fault = "the workflow needs games, but the file has no calendar; add at its top: calendar: {scraper: NAME}"
            yield at, fault
        yield from _step_faults(workflow, steps, catalog)
        yield from _edge_faults(workflow, steps)
        yield from _search_faults(workflow, steps)
        yield from _fan_out_faults(workflow, steps, catalog)
        yield from _size_faults(workflow, steps, source)
        yield from _discovery_faults(workflow, at, catalog)
        # The command line validates without ticks; a service always has them.
        if evaluated_every:
            # Either tick meets a workflow that cannot wait for an evaluation, so the shorter interval counts.
            every = min(evaluated_every, discovered_every or evaluated_every)
            yield from _cadence_faults(workflow, (*at, "schedule"), every)
            yield from _check_cadence_faults(workflow, (*at, "discovery", "strategy"), every)


def _names_in_steps(source: YamlSource, at: Location, catalog: Catalog) -> Iterator[LocatedFault]:
    """Yield unknown scrapers in the steps of a malformed workflow."""
    for where in source.entries(at):
        step = source.part(Step, where)
        if step and step.scraper not in catalog:
            yield (*where, "scraper"), _unknown_scraper(step.scraper, catalog)


def _step_faults(workflow: Workflow, at: Location, catalog: Catalog) -> Iterator[LocatedFault]:
    seen: set[str] = set()
    for index, step in enumerate(workflow.steps):
        where: Location = (*at, index, "name" if step.name else "scraper")
        if step.id in seen:
            yield where, f"step '{step.id}' is defined twice; rename one of them"
        seen.add(step.id)
        if step.scraper not in catalog:
            yield (*at, index, "scraper"), _unknown_scraper(step.scraper, catalog)
        else:
            yield from _parameter_faults(step, workflow, (*at, index), catalog)


def _parameter_faults(
    step: Step, workflow: Workflow, at: Location, catalog: Catalog
) -> Iterator[LocatedFault]:
    scraper = catalog[step.scraper]
    declared = scraper.parameters
    # Every request carries the game date, even if its scraper does not declare it.
    filled = {"game_date", *step.parameters}
    if step.fan_out_parameter:
        filled.add(step.fan_out_parameter)
        if step.fan_out_parameter not in declared:
            missing = f"for_each fills '{step.fan_out_parameter}', which {step.scraper} does not declare"
            yield (*at, "for_each"), f"{missing}; its parameters: {', '.join(declared)}"
    # A workflow of kind per_game fills game_id for each of its occurrences.
    if takes_game(workflow):
        filled.add("game_id")
    for name, value in step.parameters.items():
        if name not in declared:
            fault = (
                f"parameter '{name}' is not declared by {step.scraper}; its parameters: {', '.join(declared)}"
            )
            yield (*at, "parameters", name), fault
        elif name in ("game_date", step.fan_out_parameter) or (name == "game_id" and takes_game(workflow)):
            yield (*at, "parameters", name), f"parameter '{name}' is filled in already; remove it here"
        # With a placeholder the value is known at run time only.
        elif "{" not in value and (misfit := scraper.misfit(name, value)):
            yield (*at, "parameters", name), f"parameter '{name}' of {step.scraper}: {misfit}"
    for name, spec in declared.items():
        if spec.required and name not in filled:
            yield (
                (*at, "scraper"),
                f"parameter '{name}' of {step.scraper} is required; give it under parameters",
            )


def _edge_faults(workflow: Workflow, at: Location) -> Iterator[LocatedFault]:
    names = [step.id for step in workflow.steps]
    for index, step in enumerate(workflow.steps):
        for parent in step.parents:
            if parent not in names:
                key = "after" if parent in step.after else "for_each"
                yield (
                    (*at, index, key),
                    f"step '{parent}' is not in this workflow, which has {', '.join(names)}",
                )
            elif parent == step.id:
                yield (*at, index, "after"), f"step '{step.id}' comes after itself; remove this edge"
    # From `plan`, which has one step per name: duplicate names were reported above.
    if (circle := _cycle({step.id: step.parents for step in workflow.plan.values()})) is not None:
        yield at, f"steps wait for each other in a circle: {' -> '.join(circle)}; remove one of these edges"


def _cadence_faults(workflow: Workflow, at: Location, looked_every: timedelta) -> Iterator[LocatedFault]:
    """Find a schedule whose occurrences may fall between two ticks: they would be missed without any fault."""
    minutes, met = looked_every // MINUTE, tolerance(workflow.schedule)
    if met < looked_every:
        # Name the key: a file has many such lines, and the line alone does not show which setting it is.
        key = _tolerance_key(workflow.schedule)
        needed = dividing_an_hour(met) // MINUTE
        name = ".".join(map(str, (*at, key)))
        tolerated = f"each occurrence is due for {met / MINUTE:g} minutes"
        fault = f"{name}: {tolerated}, but evaluations are {minutes} minutes apart"
        tick = f"to infra/ticks.yaml a tick `discover` with every_minutes: {needed} and cadence_minutes: {needed}"
        yield (
            (*at, key),
            f"{fault}; set {minutes}m or more, or add {tick}, for such workflows only",
        )


def _tolerance_key(schedule: Schedule) -> str:
    """Return the schedule's key that sets how long an occurrence can be met."""
    match schedule:
        case Daily():
            return "window"
        case At():
            return "within"
        case Discovery(every=None):
            return "budget"
        case _:
            return "every"


def _discovery_faults(workflow: Workflow, at: Location, catalog: Catalog) -> Iterator[LocatedFault]:
    """Find settings of discovery without effect, and a learned search that cannot be learned or followed."""
    where: Location = (*at, "discovery")
    schedule, settings = workflow.schedule, workflow.discovery
    if not isinstance(schedule, Discovery):
        # A setting without effect misleads: an unread alert setting once kept a failure silent.
        if "discovery" in workflow.model_fields_set:
            yield (
                where,
                f"only schedule kind discovery uses this key, and the kind is {schedule.kind}; remove it",
            )
        return
    if settings.strategy is not Strategy.LEARNED:
        return
    strategy: Location = (*where, "strategy")
    # A distribution describes the times of one document. Several documents have a time each, and the model would learn
    # the last one as if it were the only one.
    if len(workflow.steps) > 1:
        fault = (
            f"{len(workflow.steps)} steps have one publication time each, but only one time can be learned"
        )
        yield strategy, f"{fault}; make a workflow of each step, or use strategy: fixed"
    elif workflow.steps[0].for_each is not None:
        fault = (
            "a step that fans out searches several documents, but only one publication time can be learned"
        )
        yield strategy, f"{fault}; remove for_each, or use strategy: fixed"
    # Checks may be planned one step apart; a host with a lower rate would be requested later than planned.
    spec = catalog.get(workflow.steps[0].scraper)
    if spec and spec.rate_limit.per_second * CHECK_STEP.total_seconds() < 1:
        fault = (
            f"{spec.name} allows a request every {1 / spec.rate_limit.per_second:.0f} s, but checks may be"
        )
        yield strategy, f"{fault} {CHECK_STEP.seconds} s apart; use strategy: fixed, or raise its rate_limit"
    fewest = fewest_checks(schedule.window.length, settings.max_gap)
    if schedule.attempts < fewest:
        attempts, window = pluralize(schedule.attempts, "attempt"), _minutes(schedule.window.length)
        fault = (
            f"{attempts} a day leave gaps over max_gap, {_minutes(settings.max_gap)}, in a window of {window}"
        )
        # Point to the line that the person wrote; a default has no line.
        key: Location = (*where, "max_gap") if "max_gap" in settings.model_fields_set else strategy
        yield key, f"{fault}; raise max_gap, or let every or budget allow {fewest} attempts"


def _minutes(length: timedelta) -> str:
    return f"{length // MINUTE} min"


def _check_cadence_faults(
    workflow: Workflow, at: Location, looked_every: timedelta
) -> Iterator[LocatedFault]:
    """Find learned times that fall between two ticks: the later tick meets them, as late as the fixed beat would."""
    if workflow.discovery.strategy is Strategy.LEARNED and looked_every > CHECK_STEP:
        fault = f"times are learned in steps of {_minutes(CHECK_STEP)}, but ticks are {_minutes(looked_every)} apart"
        remedy = "add to infra/ticks.yaml a tick `discover` with every_minutes: 5 and cadence_minutes: 5"
        yield at, f"{fault}; {remedy}"


def _search_faults(workflow: Workflow, at: Location) -> Iterator[LocatedFault]:
    """Find a search that fans out over a parent's output, whose completeness cannot be known beforehand."""
    # The other kinds request once and do not search, so completeness does not matter to them.
    if workflow.schedule.kind not in ("discovery", "per_game"):
        return
    for index, step in enumerate(workflow.steps):
        if isinstance(step.for_each, ForEachOutput):
            fault = f"a {workflow.schedule.kind} workflow cannot fan out over a parent's output"
            yield (*at, index, "for_each"), f"{fault}; use schedule kind at, daily or interval"


def _size_faults(workflow: Workflow, at: Location, source: YamlSource) -> Iterator[LocatedFault]:
    """Find steps with more given values than a step may fan out into."""
    most = source.part(_FileLimits, ())
    # `most` is None when the file's own limit is malformed, which is reported as a separate fault.
    limit = most.max_fan_out if most else DEFAULT_MAX_FAN_OUT
    for index, step in enumerate(workflow.steps):
        if isinstance(step.for_each, ForEachValue) and (size := len(step.for_each.values)) > limit:
            fault = f"{size:,} values make {size:,} requests, more than the limit of {limit:,}"
            yield (
                (*at, index, "for_each", "values"),
                f"{fault}; divide them among workflows, or raise max_fan_out",
            )


def _fan_out_faults(workflow: Workflow, at: Location, catalog: Catalog) -> Iterator[LocatedFault]:
    """Find a fan-out over an output that the parent's scraper does not declare."""
    for index, step in enumerate(workflow.steps):
        source = step.for_each
        parent = workflow.plan.get(source.step) if isinstance(source, ForEachOutput) else None
        if isinstance(source, ForEachOutput) and parent is not None and parent.scraper in catalog:
            known = catalog[parent.scraper].fan_out_keys
            if source.key not in known:
                outputs = ", ".join(known) or "none"
                fault = f"'{source.key}' is not an output of {parent.scraper}; its outputs: {outputs}"
                yield (*at, index, "for_each", "key"), fault


def _cycle(parents: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """Return a cycle of steps, or None."""
    # Unknown parents were reported as such; here they would only hide a cycle.
    known_parents = {step: [name for name in names if name in parents] for step, names in parents.items()}
    try:
        TopologicalSorter(known_parents).prepare()
    except CycleError as error:
        # The sorter lists each step before its dependents; a reader follows `after` in the opposite direction.
        circle: list[str] = error.args[1]
        return circle[::-1]
    return None


def _unknown_scraper(name: str, catalog: Catalog) -> str:
    suggestion = did_you_mean(name, catalog) or f"known scrapers: {', '.join(catalog)}"
    return f"scraper '{name}' is not known; {suggestion}"

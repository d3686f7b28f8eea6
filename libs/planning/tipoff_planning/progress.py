"""How far a plan has come, and what it asks for next: pure, the same for the same facts in any order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.history import ExecutionFact, Known
from tipoff_planning.plans import OutputOf, Plan, PlannedStep, Unit, units


class State(StrEnum):
    """How far one unit has come."""

    OPEN = "open"  # to be requested: never asked for, or due for another attempt
    UNDER_WAY = "under_way"  # requested, nothing came of it yet
    SUCCESS = "success"
    NO_DATA = "no_data"
    GIVEN_UP = "given_up"  # failed, and asking again at once would not help or is used up

    @property
    def settled(self) -> bool:
        return self not in (State.OPEN, State.UNDER_WAY)


@dataclass(frozen=True)
class Attempt:
    """A unit and the number of the attempt that is due, counted from 1."""

    unit: Unit
    number: int


@dataclass(frozen=True)
class Skipped:
    """A step that is never asked for, because of what became of a parent."""

    step: str
    scraper: str
    parent: str
    reason: str


class UnitStatus(NamedTuple):
    """A unit, its state, and the attempt that is next or under way."""

    unit: Unit
    state: State
    attempt: int


@dataclass
class Progress:
    """due: attempts to request now. units: those known so far. settled: nothing more will come."""

    due: list[Attempt] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    units: list[UnitStatus] = field(default_factory=list)
    settled: bool = True

    @property
    def states(self) -> set[State]:
        """The states that units are in."""
        return {item.state for item in self.units}


def progress(plan: Plan, known: Known) -> Progress:
    """Follows the plan from its roots as far as what is known goes."""
    result = Progress()
    ends: dict[str, _StepEnd] = {}
    for step in plan.steps:
        blocking = next((ends[parent] for parent in step.parents if not ends[parent].fruitful), None)
        if any(not ends[parent].settled for parent in step.parents):
            ends[step.name] = _StepEnd(step.name, settled=False, fruitful=True)
        elif blocking is not None:
            result.skipped.append(Skipped(step.name, step.scraper, blocking.step, blocking.why))
            ends[step.name] = _StepEnd(step.name, settled=True, fruitful=False, why=blocking.why)
        else:
            ends[step.name] = _advance(step, plan, known, result)
    result.settled = all(end.settled for end in ends.values())
    return result


@dataclass(frozen=True)
class _StepEnd:
    """What became of a step. A step is fruitful as long as a child has something to build on."""

    step: str
    settled: bool
    fruitful: bool
    why: str = ""


def _advance(step: PlannedStep, plan: Plan, known: Known, result: Progress) -> _StepEnd:
    states: list[State] = []
    under_way, due = 0, []
    for unit in _units(step, plan, known):
        state, attempt = state_of(unit, plan, known)
        states.append(state)
        result.units.append(UnitStatus(unit, state, attempt))
        if state is State.OPEN:
            due.append(Attempt(unit, attempt))
        under_way += state is State.UNDER_WAY
    result.due.extend(due[: max(0, step.max_in_flight - under_way)])
    settled = all(state.settled for state in states)
    fruitful = not settled or State.SUCCESS in states
    return _StepEnd(step.name, settled, fruitful, "" if fruitful else _why(step, states))


def _units(step: PlannedStep, plan: Plan, known: Known) -> Iterator[Unit]:
    if not isinstance(step.fan_out, OutputOf):
        yield from units(step, step.fan_out)
        return
    parent = next(item for item in plan.steps if item.name == step.fan_out.step)
    values: list[str] = []
    for unit in _units(parent, plan, known):
        for attempt in range(1, plan.max_retries + 2):
            outputs = known.outputs.get(unit.request_id(plan.occurrence_id, attempt), {})
            values.extend(outputs.get(step.fan_out.key, ()))
    yield from units(step, sorted(set(values)))


def state_of(unit: Unit, plan: Plan, known: Known) -> tuple[State, int]:
    """The unit's state and the attempt that is next or under way."""
    last: ExecutionFact | None = None
    attempt = 1
    while (fact := known.executions.get(unit.request_id(plan.occurrence_id, attempt))) is not None:
        if fact.status is Status.SUCCESS:
            return State.SUCCESS, attempt
        last, attempt = fact, attempt + 1
    if last is None or last.status is Status.FAILED:
        if last is not None and not retry_is_due(last.kind, attempt - 1, plan.max_retries):
            return State.GIVEN_UP, attempt
        requested = unit.request_id(plan.occurrence_id, attempt) in known.requested
        return State.UNDER_WAY if requested else State.OPEN, attempt
    return State(last.status.value), attempt


def retry_is_due(kind: FailureKind | None, attempt: int, max_retries: int) -> bool:
    """Whether a failure of `kind` at `attempt` is asked for again at once."""
    return kind is not None and kind.retried_at_once and attempt <= max_retries


def _why(step: PlannedStep, states: list[State]) -> str:
    if not states:
        return f"{step.name} gave nothing to go on with"
    if State.GIVEN_UP in states:
        return f"{step.name} failed"
    return f"{step.name} has no data yet"

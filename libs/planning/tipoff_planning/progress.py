"""Follow a plan: which requests are due, under way, settled or skipped. Pure, and the same for facts in any order.

A plan has steps, a step has units (one scraper with its final parameters), a unit has attempts, and each attempt is one
request, whose id follows from the three. So nothing has to be stored about a unit: its state is read off what became
known about the ids of its attempts, and a crash between two writes leaves nothing that contradicts it.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from tipoff_common.bounds import VALUE_CHARACTERS
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.history import ExecutionFact, Known, preferred
from tipoff_planning.plans import OutputOf, Plan, PlannedStep, Unit, units

_ALWAYS = datetime.max.replace(tzinfo=UTC)
"""An instant by which every retry is due, for callers that do not care when."""


class State(StrEnum):
    """State of one unit."""

    OPEN = "open"  # to be requested: never asked for, or due for another attempt
    WAITING = "waiting"  # failed, and to be requested again later
    UNDER_WAY = "under_way"  # requested, nothing came of it yet
    SUCCESS = "success"
    NO_DATA = "no_data"
    GIVEN_UP = "given_up"  # failed, and asking again before the next occurrence would not help or is used up

    @property
    def settled(self) -> bool:
        """Whether nothing more will be requested of the unit."""
        return self not in (State.OPEN, State.WAITING, State.UNDER_WAY)


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


@dataclass(frozen=True)
class Held:
    """Requests that do not go out for now, as somebody paused what makes them: all, or those of some scrapers."""

    everything: bool = False
    scrapers: frozenset[str] = frozenset()

    def holds(self, scraper: str) -> bool:
        """Tell whether a request of a scraper has to wait."""
        return self.everything or scraper in self.scrapers


NOTHING_HELD = Held()


class UnitStatus(NamedTuple):
    """A unit, its state, and the attempt that is next or under way."""

    unit: Unit
    state: State
    attempt: int


@dataclass(frozen=True)
class Progress:
    """A plan's standing at one instant."""

    due: list[Attempt] = field(default_factory=list)
    """Attempts to request now."""
    skipped: list[Skipped] = field(default_factory=list)
    """Steps that are never asked for."""
    units: list[UnitStatus] = field(default_factory=list)
    """The units that are known so far."""
    settled: bool = True
    """Nothing more will come."""

    @property
    def states(self) -> set[State]:
        """The states that units are in."""
        return {item.state for item in self.units}


def progress(plan: Plan, known: Known, now: datetime = _ALWAYS) -> Progress:
    """Follow the plan from its roots as far as what is known goes. `now` decides which retries are due by then."""
    return PlanProgress(plan, known).at(now)


def retry_is_due(kind: FailureKind | None, attempt: int, max_retries: int) -> bool:
    """Return whether a failure of `kind` at `attempt` is asked for again within its occurrence."""
    return kind is not None and kind.retried_at_once and attempt <= max_retries


def retry_at(plan: Plan, fact: ExecutionFact, attempt: int) -> datetime:
    """Return the instant from which the attempt after `attempt`, which failed, may be requested.

    The first retry follows at once, as most failures of that kind are over in a second. Further ones are spread over
    the rest of the window, each waiting twice the share of the one before, so that an outage of an hour does not use
    the whole budget up in its first minute. Nothing is requested before an instant that the source itself named.
    """
    instant = fact.triggered_at
    # Halving the window from its end: of three retries in an hour, the second waits a quarter of what is left and the
    # third half of it. A manual run has no deadline, since somebody waits for it, and retries at once.
    if attempt > 1 and plan.deadline is not None and plan.deadline > instant:
        instant += (plan.deadline - instant) / 2 ** (plan.max_retries - attempt + 1)
    # A source's own Retry-After outranks our schedule, also where it ends after the deadline and the unit is given up.
    return max(instant, fact.not_before) if fact.not_before else instant


class _UnitProgress:
    """One unit within a step, with the ids of its attempts as far as they are needed."""

    __slots__ = ("attempt", "ids", "place", "retry", "state", "step", "unit")

    def __init__(self, unit: Unit, step: "_StepProgress", place: int) -> None:
        self.unit, self.step, self.place = unit, step, place
        # Made when they are needed: hashing an id is most of what a unit costs, and few units need a second one.
        self.ids: list[str] = []
        self.attempt = 1
        """The number of the attempt that is next or under way."""
        self.state = State.OPEN
        self.retry = datetime.min.replace(tzinfo=UTC)


class _StepProgress:
    """One step: its units, how many are in which state, and those that may be requested."""

    __slots__ = (
        "begun",
        "counts",
        "fruitful",
        "open",
        "planned",
        "queued",
        "settled",
        "skipped",
        "units",
        "values",
        "why",
    )

    def __init__(self, planned: PlannedStep) -> None:
        self.planned = planned
        self.units: list[_UnitProgress] = []
        self.values: set[str] = set()
        self.counts: Counter[State] = Counter()
        self.open: list[tuple[int, _UnitProgress]] = []
        """A heap by place; entries that are open no more are dropped when they come up."""
        self.queued: set[int] = set()
        """The places that are in the heap."""
        self.begun = self.settled = False
        self.fruitful = False
        """Whether something was found; its children read it only when the step is settled."""
        self.skipped: Skipped | None = None
        self.why = ""


class PlanProgress:
    """A plan's standing that follows what becomes known, one fact at a time.

    Adding a fact costs the same however many units the plan has: only the fact's own unit and the steps are looked at.
    """

    def __init__(self, plan: Plan, known: Known | None = None) -> None:
        known = known or Known()
        self.plan = plan
        self.executions: dict[str, ExecutionFact] = dict(known.executions)
        """What came of requests, by their ids."""
        self.requested: dict[str, datetime] = dict(known.requested)
        """When each request first went out, by its id."""
        self._outputs = dict(known.outputs)
        self._steps = {step.name: _StepProgress(step) for step in plan.steps}
        self._owners: dict[str, tuple[_UnitProgress, int]] = {}
        self._advance()

    def add(self, fact: ExecutionFact, outputs: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Take in what came of a request; False when that changes nothing. outputs: its values to fan out over."""
        # A delivery may come twice, and a request that was presumed dead may come back alive: one fact of them counts,
        # whichever came first.
        known = self.executions.get(fact.request_id)
        best = preferred(known, fact)
        if best is known:
            return False
        self.executions[fact.request_id] = best
        if outputs:
            self._outputs[fact.request_id] = outputs
        # A fact without an owner came before the execution that names its unit; _assess finds it when that is added.
        if (owner := self._owners.get(fact.request_id)) is not None:
            self._assess(owner[0])
            if outputs:
                self._note_values(owner[0].step)
        self._advance()
        return True

    def note_requested(self, request_ids: Iterable[str], at: datetime) -> None:
        """Take in that requests went out; of one that went out before, the first instant stays."""
        for identifier in request_ids:
            if identifier not in self.requested:
                self.requested[identifier] = at
                if (owner := self._owners.get(identifier)) is not None:
                    self._assess(owner[0])

    def attempt(self, request_id: str) -> Attempt | None:
        """Return the attempt behind a request of this plan; None when it belongs to none of the units known so
        far."""
        owner = self._owners.get(request_id)
        return Attempt(owner[0].unit, owner[1]) if owner else None

    def request_id(self, attempt: Attempt) -> str:
        """Return the id of an attempt's request."""
        return attempt.unit.request_id(self.plan.occurrence_id, attempt.number)

    def due(self, now: datetime, held: Held = NOTHING_HELD) -> list[Attempt]:
        """Return attempts to request now: as many of each step as may be under way, and none that is held."""
        found: list[Attempt] = []
        for step in self._steps.values():
            if held.holds(step.planned.scraper):
                continue  # they stay open, and are due when nothing holds them any more
            room = step.planned.max_in_flight - step.counts[State.UNDER_WAY]
            # Retries go before first attempts: their window is running out.
            candidates = [item for item in self._waiting(step) if item.retry <= now][: max(0, room)]
            taken: list[tuple[int, _UnitProgress]] = []
            while step.open and len(taken) + len(candidates) < room:
                entry = heapq.heappop(step.open)
                step.queued.discard(entry[0])
                # Removing a unit from the middle of a heap would cost its length, so it stays until it comes up.
                if entry[1].state is State.OPEN:
                    taken.append(entry)
            # They are only reported as due, and stay open until note_requested(): asking twice gives the same answer.
            for _, item in taken:
                _queue(item)
            chosen = sorted([*candidates, *(entry[1] for entry in taken)], key=lambda item: item.place)
            found += [Attempt(item.unit, item.attempt) for item in chosen]
        return found

    @property
    def skipped(self) -> list[Skipped]:
        """Steps that are never asked for."""
        return [step.skipped for step in self._steps.values() if step.skipped]

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return all(step.settled for step in self._steps.values())

    @property
    def counts(self) -> Counter[State]:
        """How many units are in which state."""
        return sum((step.counts for step in self._steps.values()), Counter[State]())

    @property
    def under_way(self) -> int:
        """How many requests are under way."""
        return sum(step.counts[State.UNDER_WAY] for step in self._steps.values())

    def units(self) -> Iterator[UnitStatus]:
        """Yield the units that are known so far."""
        for step in self._steps.values():
            for item in step.units:
                yield UnitStatus(item.unit, item.state, item.attempt)

    def at(self, now: datetime) -> Progress:
        """Return the whole standing at one instant."""
        return Progress(self.due(now), self.skipped, list(self.units()), self.settled)

    def next_retry(self) -> datetime | None:
        """Return the earliest instant from which something that failed is asked for again; None when nothing is."""
        return min(
            (item.retry for step in self._steps.values() for item in self._waiting(step)), default=None
        )

    def unfound(self) -> Iterator[tuple[Unit, ExecutionFact | None]]:
        """Yield each unit that was not found, with the newest answer to it; None where there is none."""
        for step in self._steps.values():
            # In most plans everything was found, and units are many.
            if step.counts[State.SUCCESS] == len(step.units):
                continue
            for item in step.units:
                if item.state is not State.SUCCESS:
                    facts = (self.executions.get(identifier) for identifier in item.ids)
                    yield item.unit, max(filter(None, facts), key=_age, default=None)

    def last_failure(self) -> ExecutionFact | None:
        """Return the newest failure that nothing better followed."""
        failures = [
            fact
            for step in self._steps.values()
            for item in step.units
            # A unit that succeeded at its second attempt is no failure, though its first one is.
            if item.state in (State.GIVEN_UP, State.WAITING)
            for identifier in item.ids
            if (fact := self.executions.get(identifier)) is not None and fact.status is Status.FAILED
        ]
        # The id breaks ties, so that two controllers name the same failure.
        return max(failures, key=lambda fact: (fact.triggered_at, fact.request_id), default=None)

    def _advance(self) -> None:
        """Begin the steps whose parents are settled, and tell which are settled and fruitful; parents come first."""
        for name, step in self._steps.items():
            parents = [self._steps[parent] for parent in step.planned.parents]
            if not all(parent.settled for parent in parents):
                # A parent that was settled may be so no more, when an execution names further values to fan out over.
                step.settled, step.skipped = False, None
                continue
            blocking = next((parent for parent in parents if not parent.fruitful), None)
            if blocking is not None and not step.begun:
                # A request that was presumed dead may still succeed; then the step begins after all.
                step.settled, step.fruitful, step.why = True, False, blocking.why
                step.skipped = Skipped(name, step.planned.scraper, blocking.planned.name, blocking.why)
                continue
            step.skipped = None
            if not step.begun:
                step.begun = True
                self._begin(step)
            counts = step.counts
            step.settled = not any(counts[state] for state in (State.OPEN, State.WAITING, State.UNDER_WAY))
            step.fruitful = not step.settled or counts[State.SUCCESS] > 0
            step.why = "" if step.fruitful else step.why or _why(step)

    def _begin(self, step: _StepProgress) -> None:
        source = step.planned.fan_out
        if isinstance(source, OutputOf):
            self._note_values(self._steps[source.step])
        else:
            self._add_units(step, source)

    def _note_values(self, parent: _StepProgress) -> None:
        """Give the steps that fan out over `parent` what its executions have named and they do not have yet."""
        for step in self._steps.values():
            source = step.planned.fan_out
            if not step.begun or not isinstance(source, OutputOf) or source.step != parent.planned.name:
                continue
            values = {
                value
                for item in parent.units
                for identifier in item.ids
                for value in self._outputs.get(identifier, {}).get(source.key, ())
            }
            if len(values) > self.plan.max_fan_out:
                # Refused whole: which of the values to leave out nobody could tell.
                many = f"{parent.planned.name} named {len(values):,} values, and {self.plan.max_fan_out:,} are the most"
                step.why = many
                continue
            if (longest := max(map(len, values), default=0)) > VALUE_CHARACTERS:
                # No request could carry it. What an entry of the log holds may be older than the bound of the event.
                long = f"a value of {longest:,} characters, and {VALUE_CHARACTERS} are the most"
                step.why = f"{parent.planned.name} named {long}"
                continue
            # Only the new ones, in order: an execution that comes late may name
            # more, and units keep their places.
            self._add_units(step, sorted(values - step.values))
            step.values |= values

    def _add_units(self, step: _StepProgress, values: Iterable[str]) -> None:
        for unit in units(step.planned, values):
            item = _UnitProgress(unit, step, len(step.units))
            step.units.append(item)
            step.counts[item.state] += 1
            _queue(item)
            self._assess(item)

    def _assess(self, item: _UnitProgress) -> None:
        """Find the unit's state and the attempt that is next or under way."""
        last: ExecutionFact | None = None
        attempt = 1
        # Attempts are looked at in order, whatever order their facts came in: this makes the state independent of it.
        while (fact := self.executions.get(self._id(item, attempt))) is not None:
            last = fact
            if fact.status is Status.SUCCESS:
                break  # later attempts, if a second controller requested one, change nothing
            attempt += 1
        counts, before = item.step.counts, item.state
        item.attempt, item.state = attempt, self._state(item, last, attempt)
        # Counted as they change: summing over the units would cost a fan-out's length with each execution.
        counts[before] -= 1
        counts[item.state] += 1
        if item.state is State.OPEN:
            _queue(item)

    def _state(self, item: _UnitProgress, last: ExecutionFact | None, attempt: int) -> State:
        # Found, or known not to be there: nothing more is asked for, even if a further attempt went out.
        if last is not None and last.status is not Status.FAILED:
            return State(last.status.value)
        if last is not None and not self._asks_again(last, attempt - 1):
            return State.GIVEN_UP
        # Looked up only now: an attempt may be requested and answered, and then it is under way no more.
        if self._id(item, attempt) in self.requested:
            return State.UNDER_WAY
        if last is None:
            return State.OPEN
        item.retry = retry_at(self.plan, last, attempt - 1)
        if item.retry <= last.triggered_at:
            return State.OPEN  # the first retry, which waits for nothing
        # After the deadline the next occurrence asks.
        in_time = self.plan.deadline is None or item.retry < self.plan.deadline
        return State.WAITING if in_time else State.GIVEN_UP

    def _asks_again(self, last: ExecutionFact, attempt: int) -> bool:
        """Return whether a unit whose attempt failed is asked for again within the occurrence."""
        # A source that says when to come back is asked then, if the window is still open; nobody who runs a workflow
        # manually waits for a day.
        named = last.not_before is not None and self.plan.deadline is not None
        return retry_is_due(last.kind, attempt, self.plan.max_retries) or (
            named and attempt <= self.plan.max_retries
        )

    def _id(self, item: _UnitProgress, attempt: int) -> str:
        while len(item.ids) < attempt:
            number = len(item.ids) + 1
            identifier = item.unit.request_id(self.plan.occurrence_id, number)
            item.ids.append(identifier)
            self._owners[identifier] = (item, number)
        return item.ids[attempt - 1]

    def _waiting(self, step: _StepProgress) -> list[_UnitProgress]:
        # Waiting is rare, and a step without it, which is nearly every one, is not searched.
        if not step.counts[State.WAITING]:
            return []
        return [item for item in step.units if item.state is State.WAITING]


def _age(fact: ExecutionFact) -> tuple[datetime, str]:
    """Order facts by time; the request id breaks a tie, so that the order does not depend on that of the rows."""
    return fact.triggered_at, fact.request_id


def _queue(item: _UnitProgress) -> None:
    # A unit may become open several times; twice in the heap it would be requested twice.
    if item.place not in item.step.queued:
        item.step.queued.add(item.place)
        heapq.heappush(item.step.open, (item.place, item))


def _why(step: _StepProgress) -> str:
    name = step.planned.name
    if not step.units:  # a fan-out over an empty list: the parent succeeded and named nothing
        return f"{name} gave nothing to go on with"
    if step.counts[State.GIVEN_UP]:
        return f"{name} failed"
    return f"{name} has no data yet"

"""Progress of a plan: which requests are due, under way, settled or skipped. Pure, and independent of facts' order.

A plan has steps, a step has units (one scraper with its final parameters), a unit has attempts, and each attempt is one
request, whose id is derived from step, unit and attempt. So no unit state is stored: it is computed from the facts
about these ids, and a crash between two writes cannot leave a contradiction.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from tipoff_common.bounds import VALUE_CHARACTERS
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.history import ExecutionFact, RequestRecords, preferred
from tipoff_planning.plans import OutputOf, Plan, PlannedStep, Unit, units


class State(StrEnum):
    """State of one unit."""

    OPEN = "open"  # to be requested: never requested so far, or due for another attempt
    WAITING = "waiting"  # failed, and to be requested again later
    UNDER_WAY = "under_way"  # requested, without a result so far
    SUCCESS = "success"
    NO_DATA = "no_data"
    GIVEN_UP = "given_up"  # failed; a retry before the next occurrence would not help, or no retries are left

    @property
    def settled(self) -> bool:
        """Whether no further request of the unit will follow."""
        return self not in (State.OPEN, State.WAITING, State.UNDER_WAY)


@dataclass(frozen=True)
class Attempt:
    """A unit and the number of its due attempt, counted from 1."""

    unit: Unit
    number: int


@dataclass(frozen=True)
class SkippedStep:
    """A step that is never requested, because a parent failed, found nothing or named no usable values."""

    step: str
    scraper: str
    parent: str
    reason: str


@dataclass(frozen=True)
class HeldRequests:
    """Requests held back by pauses: all of a plan's requests, or those of some scrapers."""

    everything: bool = False
    scrapers: frozenset[str] = frozenset()

    def holds(self, scraper: str) -> bool:
        """Return whether a request of a scraper has to wait."""
        return self.everything or scraper in self.scrapers


NOTHING_HELD = HeldRequests()


class UnitStatus(NamedTuple):
    """A unit, its state, and the number of its next or running attempt."""

    unit: Unit
    state: State
    attempt: int


def retry_is_due(kind: FailureKind | None, attempt: int, max_retries: int) -> bool:
    """Return whether a failure of `kind` at `attempt` is retried within its occurrence."""
    return kind is not None and kind.retried_at_once and attempt <= max_retries


def retry_at(plan: Plan, fact: ExecutionFact, attempt: int) -> datetime:
    """Return the instant from which the attempt after the failed `attempt` may be requested.

    The first retry follows at once, as most failures of that kind are over in a second. Further retries are spread over
    the rest of the window, each waiting twice the share of its predecessor, so that an outage of an hour does not use
    up the whole budget in its first minute. No retry precedes an instant that the source itself named.
    """
    instant = fact.triggered_at
    # Halving the window from its end: with three retries, the second waits a quarter of the remaining window and the
    # third half of it. A manual run retries at once: it has no deadline, because its caller waits.
    if attempt > 1 and plan.deadline is not None and plan.deadline > instant:
        instant += (plan.deadline - instant) / 2 ** (plan.max_retries - attempt + 1)
    # A source's own Retry-After outranks our schedule, even if it ends after the deadline and the unit is given up.
    return max(instant, fact.not_before) if fact.not_before else instant


class _UnitProgress:
    """One unit within a step, with the attempt ids computed so far."""

    __slots__ = ("attempt", "ids", "place", "retry", "state", "step", "unit")

    def __init__(self, unit: Unit, step: "_StepProgress", place: int) -> None:
        self.unit, self.step, self.place = unit, step, place
        # Computed on demand: hashing an id is most of a unit's cost, and few units need a second id.
        self.ids: list[str] = []
        self.attempt = 1
        """The number of the next or running attempt."""
        self.state = State.OPEN
        self.retry = datetime.min.replace(tzinfo=UTC)


class _StepProgress:
    """One step: its units, their number by state, and a queue of the units to request."""

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
        """A heap by place; an entry that is no longer open is dropped when it is popped."""
        self.queued: set[int] = set()
        """The places in the heap."""
        self.begun = self.settled = False
        self.fruitful = False
        """Whether the step found data; children read it only when the step is settled."""
        self.skipped: SkippedStep | None = None
        self.why = ""


class PlanProgress:
    """Progress of a plan, updated one fact at a time.

    The cost of adding a fact does not depend on the number of units: only its own unit and the steps are visited.
    """

    def __init__(self, plan: Plan, records: RequestRecords | None = None) -> None:
        records = records or RequestRecords()
        self.plan = plan
        self.executions: dict[str, ExecutionFact] = dict(records.executions)
        """The preferred fact about each request, by request id."""
        self.requested: dict[str, datetime] = dict(records.requested)
        """The first publication of each request, by request id."""
        self._outputs = dict(records.outputs)
        self._steps = {step.name: _StepProgress(step) for step in plan.steps}
        self._owners: dict[str, tuple[_UnitProgress, int]] = {}
        self._advance()

    def add(self, fact: ExecutionFact, outputs: Mapping[str, tuple[str, ...]] | None = None) -> bool:
        """Add a fact about a request; return False if it changes nothing. outputs: its values to fan out over."""
        # A delivery may repeat, and a request presumed lost may still be executed: only the preferred fact counts,
        # in either order of arrival.
        current = self.executions.get(fact.request_id)
        best = preferred(current, fact)
        if best is current:
            return False
        self.executions[fact.request_id] = best
        if outputs:
            self._outputs[fact.request_id] = outputs
        # A fact without an owner arrived before the execution that names its unit; _assess finds it when the unit is
        # added.
        if (owner := self._owners.get(fact.request_id)) is not None:
            self._assess(owner[0])
            if outputs:
                self._note_values(owner[0].step)
        self._advance()
        return True

    def note_requested(self, request_ids: Iterable[str], at: datetime) -> None:
        """Record that requests were published; a repeated publication keeps the first instant."""
        for identifier in request_ids:
            if identifier not in self.requested:
                self.requested[identifier] = at
                if (owner := self._owners.get(identifier)) is not None:
                    self._assess(owner[0])

    def attempt(self, request_id: str) -> Attempt | None:
        """Return the attempt behind a request of this plan; None when it belongs to no unit known so far."""
        owner = self._owners.get(request_id)
        return Attempt(owner[0].unit, owner[1]) if owner else None

    def request_id(self, attempt: Attempt) -> str:
        """Return the id of an attempt's request."""
        return attempt.unit.request_id(self.plan.occurrence_id, attempt.number)

    def due(self, now: datetime, held: HeldRequests = NOTHING_HELD) -> list[Attempt]:
        """Return the attempts to request now, up to each step's `max_in_flight`, without those of held scrapers."""
        found: list[Attempt] = []
        for step in self._steps.values():
            if held.holds(step.planned.scraper):
                continue  # the units stay open, and are due once they are no longer held
            room = step.planned.max_in_flight - step.counts[State.UNDER_WAY]
            # Retries go before first attempts: their window is running out.
            candidates = [item for item in self._waiting(step) if item.retry <= now][: max(0, room)]
            popped: list[tuple[int, _UnitProgress]] = []
            while step.open and len(popped) + len(candidates) < room:
                entry = heapq.heappop(step.open)
                step.queued.discard(entry[0])
                # A removal from the middle of a heap would take linear time, so a unit stays until it is popped.
                if entry[1].state is State.OPEN:
                    popped.append(entry)
            # The units stay open until note_requested(), so that a second call returns the same attempts.
            for _, item in popped:
                _queue(item)
            chosen = sorted([*candidates, *(entry[1] for entry in popped)], key=lambda item: item.place)
            found += [Attempt(item.unit, item.attempt) for item in chosen]
        return found

    @property
    def skipped(self) -> list[SkippedStep]:
        """Steps that are never requested."""
        return [step.skipped for step in self._steps.values() if step.skipped]

    @property
    def settled(self) -> bool:
        """Whether no further request will follow."""
        return all(step.settled for step in self._steps.values())

    @property
    def counts(self) -> Counter[State]:
        """The number of units by state, without states of no unit."""
        return sum((step.counts for step in self._steps.values()), Counter[State]())

    @property
    def under_way(self) -> int:
        """The number of requests under way."""
        return sum(step.counts[State.UNDER_WAY] for step in self._steps.values())

    def units(self) -> Iterator[UnitStatus]:
        """Yield the units known so far."""
        for step in self._steps.values():
            for item in step.units:
                yield UnitStatus(item.unit, item.state, item.attempt)

    def next_retry(self) -> datetime | None:
        """Return the instant of the earliest retry; None when no unit waits for a retry."""
        return min(
            (item.retry for step in self._steps.values() for item in self._waiting(step)), default=None
        )

    def unfound(self) -> Iterator[tuple[Unit, ExecutionFact | None]]:
        """Yield each unit that was not found, with the newest fact about it or None."""
        for step in self._steps.values():
            # Skip complete steps: most plans find everything, and a step may have many units.
            if step.counts[State.SUCCESS] == len(step.units):
                continue
            for item in step.units:
                if item.state is not State.SUCCESS:
                    facts = (self.executions.get(identifier) for identifier in item.ids)
                    yield item.unit, max(filter(None, facts), key=_age, default=None)

    def last_failure(self) -> ExecutionFact | None:
        """Return the newest failure of the units that have failed and not recovered."""
        failures = [
            fact
            for step in self._steps.values()
            for item in step.units
            # A unit that succeeded at its second attempt does not count, although its first attempt failed.
            if item.state in (State.GIVEN_UP, State.WAITING)
            for identifier in item.ids
            if (fact := self.executions.get(identifier)) is not None and fact.status is Status.FAILED
        ]
        # The id breaks ties, so that two controllers name the same failure.
        return max(failures, key=lambda fact: (fact.triggered_at, fact.request_id), default=None)

    def _advance(self) -> None:
        """Begin the steps whose parents are settled, and update `settled` and `fruitful`, parents before children."""
        for name, step in self._steps.items():
            parents = [self._steps[parent] for parent in step.planned.parents]
            if not all(parent.settled for parent in parents):
                # A settled parent reopens when an execution names further values to fan out over.
                step.settled, step.skipped = False, None
                continue
            blocking = next((parent for parent in parents if not parent.fruitful), None)
            if blocking is not None and not step.begun:
                # A request presumed lost may still succeed; then the step begins after all.
                step.settled, step.fruitful, step.why = True, False, blocking.why
                step.skipped = SkippedStep(name, step.planned.scraper, blocking.planned.name, blocking.why)
                continue
            step.skipped = None
            if not step.begun:
                step.begun = True
                self._begin(step)
            counts = step.counts
            step.settled = not any(counts[state] for state in (State.OPEN, State.WAITING, State.UNDER_WAY))
            step.fruitful = not step.settled or counts[State.SUCCESS] > 0
            step.why = "" if step.fruitful else step.why or _unfruitful_reason(step)

    def _begin(self, step: _StepProgress) -> None:
        source = step.planned.fan_out
        if isinstance(source, OutputOf):
            self._note_values(self._steps[source.step])
        else:
            self._add_units(step, source)

    def _note_values(self, parent: _StepProgress) -> None:
        """Add units for the new values in the outputs of `parent` to the steps that fan out over them."""
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
                # Refuse the whole list: there is no rule for which values to leave out.
                many = f"{len(values):,} values, more than the limit of {self.plan.max_fan_out:,}"
                step.why = f"{parent.planned.name} named {many}"
                continue
            if (longest := max(map(len, values), default=0)) > VALUE_CHARACTERS:
                # No request could carry the value. An entry of the log may be older than the event's own bound.
                long = f"a value of {longest:,} characters, more than the limit of {VALUE_CHARACTERS}"
                step.why = f"{parent.planned.name} named {long}"
                continue
            # Only the new values, in order: a late execution may name more, and units keep their places.
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
        """Update the unit's state and the number of its next or running attempt."""
        last: ExecutionFact | None = None
        attempt = 1
        # Visit attempts by number, so that the state does not depend on the order in which their facts arrived.
        while (fact := self.executions.get(self._id(item, attempt))) is not None:
            last = fact
            if fact.status is Status.SUCCESS:
                break  # a later attempt, requested by a second controller, changes nothing
            attempt += 1
        counts, before = item.step.counts, item.state
        item.attempt, item.state = attempt, self._state(item, last, attempt)
        # Update the counts in place: a sum over the units would visit the whole fan-out for each execution.
        counts[before] -= 1
        counts[item.state] += 1
        if item.state is State.OPEN:
            _queue(item)

    def _state(self, item: _UnitProgress, last: ExecutionFact | None, attempt: int) -> State:
        # Found, or no data: the unit is settled, even if a further attempt was published.
        if last is not None and last.status is not Status.FAILED:
            return State(last.status.value)
        if last is not None and not self._is_retried(last, attempt - 1):
            return State.GIVEN_UP
        # Checked after the facts: `requested` also holds attempts that have a result.
        if self._id(item, attempt) in self.requested:
            return State.UNDER_WAY
        if last is None:
            return State.OPEN
        item.retry = retry_at(self.plan, last, attempt - 1)
        if item.retry <= last.triggered_at:
            return State.OPEN  # the first retry, which is due at once
        # After the deadline the next occurrence requests it.
        in_time = self.plan.deadline is None or item.retry < self.plan.deadline
        return State.WAITING if in_time else State.GIVEN_UP

    def _is_retried(self, last: ExecutionFact, attempt: int) -> bool:
        """Return whether a unit whose attempt failed is retried within the occurrence."""
        # Retry at the instant that the source named, if the window is still open. Not in a manual run, whose caller
        # does not wait for a day.
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
        # Waiting units are rare: skip the search in a step without any.
        if not step.counts[State.WAITING]:
            return []
        return [item for item in step.units if item.state is State.WAITING]


def _age(fact: ExecutionFact) -> tuple[datetime, str]:
    """Return the sort key of a fact: its time, then the request id, so that the order of the rows does not matter."""
    return fact.triggered_at, fact.request_id


def _queue(item: _UnitProgress) -> None:
    # A unit may become open several times; two entries in the heap would request it twice.
    if item.place not in item.step.queued:
        item.step.queued.add(item.place)
        heapq.heappush(item.step.open, (item.place, item))


def _unfruitful_reason(step: _StepProgress) -> str:
    name = step.planned.name
    if not step.units:  # a fan-out over an empty list: the parent succeeded without naming any value
        return f"{name} returned no values"
    if step.counts[State.GIVEN_UP]:
        return f"{name} failed"
    return f"{name} has no data yet"

"""The controller's pauses: one object in the state bucket, changed by compare-and-swap on its generation.

What changed stands in the object until it is published, so that one write makes both durable: a crash at any point
publishes a change late, never not at all.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from tipoff_common.clock import Instant
from tipoff_common.events import PauseChanged
from tipoff_common.ports import Objects, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.retrying_objects import retrying
from tipoff_common.stored import read_stored, write_stored
from tipoff_controller import names
from tipoff_planning.pauses import Pauses, expire

FRESH_FOR = timedelta(seconds=60)
"""How old the pauses may be by which executions are followed up: a read for each of them would double what one costs,
and a pause that takes hold a minute late lets out what was asked for before it anyway."""
_WRITERS = 8
"""Writers that may come in between before a change gives up; people and ticks are few."""


class PauseMemory(BaseModel):
    """All that is remembered of pauses."""

    model_config = ConfigDict(frozen=True)

    pauses: Pauses = Pauses()
    expired_to: Instant | None = Field(default=None, description="up to when ends are published")
    outbox: tuple[PauseChanged, ...] = Field(
        default=(), description="changes that may not be published yet; published again until they are"
    )


class PauseStore:
    """Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = retrying(state)
        self._known: tuple[datetime, Pauses] | None = None

    def read(self, now: datetime) -> Pauses:
        """Return the pauses as they are written now."""
        memory, _ = self._read()
        self._known = now, memory.pauses
        return memory.pauses

    def lately(self, now: datetime) -> Pauses:
        """Return the pauses as they were at most FRESH_FOR ago."""
        known = self._known
        # The clock may step back, and what was read "later" is no older for that.
        if known is not None and abs(now - known[0]) < FRESH_FOR:
            return known[1]
        return self.read(now)

    def update(self, change: Callable[[PauseMemory], PauseMemory], now: datetime) -> PauseMemory:
        """Change what is remembered, whoever else does so at the same time; return it as it is now."""
        for _ in range(_WRITERS):
            before, generation = self._read()
            after = change(before)
            # An unchanged memory is not written: Cloud Storage takes one write a second of a name.
            if after == before or write_stored(
                self._state, names.PAUSES, after.model_dump_json().encode(), generation
            ):
                self._known = now, after.pauses
                return after
        raise Unavailable("the pauses are changed by too many at once; ask again")

    def settle(self, publisher: Publisher, environment: str, now: datetime) -> Pauses:
        """Note the pauses whose time is over, publish what is not published for certain, and return what is left."""
        memory, _ = self._read()
        # Nothing is paused, as nearly always: one read, and nothing is written.
        if memory.pauses.items:
            memory = self._expire(environment, now)
        self._known = now, memory.pauses
        self.publish(memory, publisher, now)
        return memory.pauses

    def publish(self, memory: PauseMemory, publisher: Publisher, now: datetime) -> None:
        """Publish the changes that are not published for certain, then forget them."""
        if not memory.outbox:
            return
        publisher.publish(memory.outbox)
        # By id, since others may have added changes meanwhile: those are not published yet and must stay.
        published = {event.id for event in memory.outbox}
        self.update(
            lambda found: found.model_copy(
                update={"outbox": tuple(event for event in found.outbox if event.id not in published)}
            ),
            now,
        )

    def _expire(self, environment: str, now: datetime) -> PauseMemory:
        def expired(memory: PauseMemory) -> PauseMemory:
            # `expired_to` bounds what has ended since: an end is published once, not at each tick.
            pauses, events = expire(memory.pauses, now=now, since=memory.expired_to, environment=environment)
            if pauses == memory.pauses and not events:
                return memory
            return PauseMemory(pauses=pauses, expired_to=now, outbox=(*memory.outbox, *events))

        return self.update(expired, now)

    def _read(self) -> tuple[PauseMemory, int | None]:
        found = self._state.read(names.PAUSES)
        if found is None:
            return PauseMemory(), None
        # To go on fetching is the smaller harm; who paused sees in `tipoff status` that it does not stand.
        return read_stored(PauseMemory, names.PAUSES, found.body) or PauseMemory(), found.generation

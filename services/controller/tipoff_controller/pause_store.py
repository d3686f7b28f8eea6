"""The controller's pauses: one object in the state bucket, changed by compare-and-swap on its generation.

The object also holds each change until it is published, so that one write makes both durable: a crash at any point
delays the publication of a change but never loses it.
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
"""The maximum age of the pauses that follow-ups of executions use. A read per execution would double its cost, and a
pause does not stop requests under way, so a minute's delay matters little."""
_WRITERS = 8
"""Attempts of a change under concurrent writers before it gives up; callers and ticks are few."""


class PauseMemory(BaseModel):
    """The stored pauses, and the changes still to publish."""

    model_config = ConfigDict(frozen=True)

    pauses: Pauses = Pauses()
    expired_to: Instant | None = Field(default=None, description="up to when ends of pauses are noted")
    outbox: tuple[PauseChanged, ...] = Field(
        default=(), description="changes that may be unpublished; each is published until that succeeds"
    )


class PauseStore:
    """The pauses in the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = retrying(state)
        self._cache: tuple[datetime, Pauses] | None = None

    def read(self, now: datetime) -> Pauses:
        """Return the pauses as they are stored now."""
        memory, _ = self._read()
        self._cache = now, memory.pauses
        return memory.pauses

    def lately(self, now: datetime) -> Pauses:
        """Return the pauses as they were at most FRESH_FOR ago."""
        cached = self._cache
        # `abs`, because the clock may step back: pauses that were read "later" are still recent.
        if cached is not None and abs(now - cached[0]) < FRESH_FOR:
            return cached[1]
        return self.read(now)

    def update(self, change: Callable[[PauseMemory], PauseMemory], now: datetime) -> PauseMemory:
        """Change the stored pauses by compare-and-swap, with retries; return them as they are now."""
        for _ in range(_WRITERS):
            before, generation = self._read()
            after = change(before)
            # An unchanged memory is not written: Cloud Storage accepts one write per second to a name.
            if after == before or write_stored(
                self._state, names.PAUSES, after.model_dump_json().encode(), generation
            ):
                self._cache = now, after.pauses
                return after
        raise Unavailable("too many concurrent changes of the pauses; repeat the request")

    def settle(self, publisher: Publisher, environment: str, now: datetime) -> Pauses:
        """Expire the pauses whose time is over, publish all pending changes, and return the remaining pauses."""
        memory, _ = self._read()
        # Usually there are no pauses: one read and no write.
        if memory.pauses.items:
            memory = self._expire(environment, now)
        self._cache = now, memory.pauses
        self.publish(memory, publisher, now)
        return memory.pauses

    def publish(self, memory: PauseMemory, publisher: Publisher, now: datetime) -> None:
        """Publish the changes in the outbox, then remove them from it."""
        if not memory.outbox:
            return
        publisher.publish(memory.outbox)
        # By id, since other processes may have added changes meanwhile: those are unpublished and must stay.
        published = {event.id for event in memory.outbox}
        self.update(
            lambda found: found.model_copy(
                update={"outbox": tuple(event for event in found.outbox if event.id not in published)}
            ),
            now,
        )

    def _expire(self, environment: str, now: datetime) -> PauseMemory:
        def expired(memory: PauseMemory) -> PauseMemory:
            # Only ends since `expired_to`: each end is published once, not at each tick.
            pauses, events = expire(memory.pauses, now=now, since=memory.expired_to, environment=environment)
            if pauses == memory.pauses and not events:
                return memory
            return PauseMemory(pauses=pauses, expired_to=now, outbox=(*memory.outbox, *events))

        return self.update(expired, now)

    def _read(self) -> tuple[PauseMemory, int | None]:
        found = self._state.read(names.PAUSES)
        if found is None:
            return PauseMemory(), None
        # Unreadable pauses count as none: further fetches are the smaller harm, and `tipoff status` no longer shows the
        # pause.
        return read_stored(PauseMemory, names.PAUSES, found.body) or PauseMemory(), found.generation

"""The runner's memory, as objects below `runner/` in the state bucket.

    runner/claims/<game date>/<request>.json     which delivery executes the request, and until when
    runner/claims/<game date>/<request>.json.asked   written to read the bucket's clock, when a lease may be over
    runner/outcomes/<game date>/<request>.json   what came of the request

A claim is created before the source is asked, so of several deliveries one fetches; it is written over, on condition of
its generation, when its lease is over by the bucket's clock. An outcome is created before anything is published of it
and never changed: the first creation wins, also over a delivery that was paused and goes on when another one has taken
its place.
"""

import logging
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from tipoff_common.clock import Instant
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.leases import measure_lease
from tipoff_common.ports import Objects, Overloaded, Unavailable
from tipoff_common.stored import read_stored
from tipoff_scraper_runner.execution import Execution

log = logging.getLogger(__name__)


class InProgress(Overloaded):
    """Another delivery executes the request; deliver this one again when the lease is over."""

    def __init__(self, request: ScrapeRequested, left: timedelta) -> None:
        super().__init__(f"request {request.request_id} is being executed by another delivery")
        # Sooner than the lease ends, because most executions end long before it.
        self.RETRY_SECONDS = max(1, min(30, math.ceil(left.total_seconds())))


@dataclass(frozen=True)
class Claim:
    """The right to execute one request until its lease is over."""

    holder: str
    """Tells this delivery from every other."""
    taken_over: bool = False
    """An earlier delivery may have left a payload behind."""
    deaths: int = 0
    """How many holders let their lease run out: they were killed, or paused for longer than it."""


class _Lease(BaseModel):
    """The stored form of a claim."""

    model_config = ConfigDict(frozen=True)

    holder: str = Field(description="one delivery")
    until: Instant = Field(description="when another delivery may take over")
    deaths: int = Field(default=0, ge=0, description="holders whose lease ran out")
    released: bool = Field(default=False, description="the holder gave up alive, and anybody may go on")


class _Stored(BaseModel):
    executed: ScrapeExecuted
    landed: FileLanded | None


class RequestMemory:
    """The runner's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def claim(self, request: ScrapeRequested, lease: timedelta, now: datetime) -> Claim | Execution:
        """Take the request for this delivery, or return what came of it already. now: the wall clock.

        Raises InProgress while another delivery has it.
        """
        mine = Claim(holder=str(uuid4()))
        # The usual case is a request that nobody has seen, which costs this one call: no claim means no outcome.
        if self._state.create(_name("claims", request), _lease(mine, now + lease)):
            return mine
        # The usual redelivery: the work is done, and only its events or the acknowledgement were lost.
        if (execution := self.recall(request)) is not None:
            return execution
        held = self._state.read(_name("claims", request))
        if held is None:  # somebody removed it between the two calls
            raise InProgress(request, timedelta(0))
        theirs = _read_lease(_name("claims", request), held.body, now)
        if not theirs.released:
            self._raise_while_held(request, theirs, lease, now)
        # A holder that gave up alive is no sign of a payload that kills.
        deaths = theirs.deaths + (not theirs.released)
        mine = replace(mine, taken_over=True, deaths=deaths)
        # Of several deliveries that see the lease over, the one whose generation still stands takes the request.
        if not self._state.replace(
            _name("claims", request), _lease(mine, now + lease), generation=held.generation
        ):
            raise InProgress(request, lease)
        # The holder may have finished between the two looks at it.
        return self.recall(request) or mine

    def _raise_while_held(
        self, request: ScrapeRequested, theirs: _Lease, lease: timedelta, now: datetime
    ) -> None:
        """Raise InProgress while a claim holds."""
        left = theirs.until - now
        # By this clock first, which costs no call. Only the bucket's clock says that a lease is over, as the holder's
        # may be minutes behind; a claim that cannot be read is no holder's.
        if left <= timedelta(0) and theirs.holder:
            left = measure_lease(self._state, _name("claims", request), lease)
        if left > timedelta(0):
            raise InProgress(request, left)

    def release(self, request: ScrapeRequested, claim: Claim, now: datetime) -> None:
        """Let the next delivery go on at once; the lease does it in time when this fails. Raises nothing."""
        try:
            name = _name("claims", request)
            held = self._state.read(name)
            # Somebody else's by now: this delivery was paused for longer than its lease.
            if held is None or _read_lease(name, held.body, now).holder != claim.holder:
                return
            released = _lease(claim, now, released=True)
            self._state.replace(name, released, generation=held.generation)
        except Unavailable as error:
            log.warning("claim not released, its lease ends by itself", extra={"detail": str(error)})

    def recall(self, request: ScrapeRequested) -> Execution | None:
        """Return the outcome of the request, None when it has none yet."""
        name = _name("outcomes", request)
        return _read_outcome(name, self._state.get(name))

    def remember(self, request: ScrapeRequested, execution: Execution) -> Execution:
        """Write the outcome down before anything is published of it; return the one that counts.

        One that cannot be read is written over, or every redelivery would execute the request anew.
        """
        name = _name("outcomes", request)
        body = _Stored(executed=execution.executed, landed=execution.landed).model_dump_json().encode()
        if self._state.create(name, body):
            return execution
        kept = self._state.read(name)
        if kept is None:  # removed manually between the two calls
            return execution
        if (known := _read_outcome(name, kept.body)) is not None:
            return known
        if self._state.replace(name, body, generation=kept.generation):
            return execution
        # Another delivery was first. If its outcome cannot be read, ours is published:
        # same ids, and one of the two is true.
        return self.recall(request) or execution


def _lease(claim: Claim, until: datetime, *, released: bool = False) -> bytes:
    stored = _Lease(holder=claim.holder, until=until, deaths=claim.deaths, released=released)
    return stored.model_dump_json().encode()


def _read_lease(name: str, body: bytes, now: datetime) -> _Lease:
    """Return the stored claim; one that cannot be read is over, or its request would never be executed."""
    return read_stored(_Lease, name, body) or _Lease(holder="", until=now)


def _read_outcome(name: str, body: bytes | None) -> Execution | None:
    """Return the stored outcome; one that cannot be read is none, or its request would never be answered."""
    stored = read_stored(_Stored, name, body)
    return None if stored is None else Execution(stored.executed, stored.landed)


def _name(kind: str, request: ScrapeRequested) -> str:
    return f"runner/{kind}/{request.game_date.isoformat()}/{request.request_id}.json"

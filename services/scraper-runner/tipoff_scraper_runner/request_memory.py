"""The runner's memory, as objects below `runner/` in the state bucket.

    runner/claims/<game date>/<request>.json     the delivery that executes the request, and its lease
    runner/claims/<game date>/<request>.json.asked   written to read the bucket's clock, when a lease may be over
    runner/outcomes/<game date>/<request>.json   the outcome of the request

A delivery creates the claim before the fetch, so only one of several deliveries fetches. A later delivery overwrites a
claim whose lease has expired by the bucket's clock, on condition of its generation. The outcome is created before its
events are published and never changed: the first creation wins, even over a delivery that was paused and continues
after another one has taken over.
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
    """Another delivery executes the request; this one has to be redelivered later."""

    def __init__(self, request: ScrapeRequested, remaining: timedelta) -> None:
        super().__init__(f"request {request.request_id} is being executed by another delivery")
        # Sooner than the end of the lease, because most executions end long before it.
        self.RETRY_SECONDS = max(1, min(30, math.ceil(remaining.total_seconds())))


@dataclass(frozen=True)
class Claim:
    """The right to execute one request until its lease expires."""

    holder: str
    """Unique id of this delivery."""
    taken_over: bool = False
    """An earlier delivery may have left a payload behind."""
    deaths: int = 0
    """Number of holders whose lease expired: they were killed, or paused for longer than the lease."""


class _Lease(BaseModel):
    """The stored form of a claim."""

    model_config = ConfigDict(frozen=True)

    holder: str = Field(description="the delivery's unique id")
    until: Instant = Field(description="when another delivery may take over")
    deaths: int = Field(default=0, ge=0, description="holders whose lease ran out")
    released: bool = Field(
        default=False, description="the holder gave up in order, so any delivery may take over"
    )


class _Stored(BaseModel):
    executed: ScrapeExecuted
    landed: FileLanded | None


class RequestMemory:
    """The runner's prefix of the state bucket. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state = state

    def claim(self, request: ScrapeRequested, lease: timedelta, now: datetime) -> Claim | Execution:
        """Claim the request for this delivery, or return its stored outcome. now: the wall clock.

        Raises InProgress while another delivery holds the claim.
        """
        mine = Claim(holder=str(uuid4()))
        # The usual case is a new request, which costs this one call: without a claim there is no outcome.
        if self._state.create(_name("claims", request), _lease(mine, now + lease)):
            return mine
        # The usual redelivery: the request is executed, and only its events or the acknowledgement were lost.
        if (execution := self.recall(request)) is not None:
            return execution
        stored = self._state.read(_name("claims", request))
        if stored is None:  # removed between the two calls
            raise InProgress(request, timedelta(0))
        current = _read_lease(_name("claims", request), stored.body, now)
        if not current.released:
            self._raise_while_held(request, current, lease, now)
        # A released claim is no evidence of a payload that kills the runner.
        deaths = current.deaths + (not current.released)
        mine = replace(mine, taken_over=True, deaths=deaths)
        # When several deliveries see the lease expired, only the first replacement of this generation succeeds.
        if not self._state.replace(
            _name("claims", request), _lease(mine, now + lease), generation=stored.generation
        ):
            raise InProgress(request, lease)
        # The holder may have stored the outcome since the first recall.
        return self.recall(request) or mine

    def _raise_while_held(
        self, request: ScrapeRequested, current: _Lease, lease: timedelta, now: datetime
    ) -> None:
        """Raise InProgress while a claim holds."""
        remaining = current.until - now
        # Check by this process's clock first, which costs no call. Only the bucket's clock decides that a lease has
        # expired, as the holder's clock may be minutes off. An unreadable claim has no holder.
        if remaining <= timedelta(0) and current.holder:
            remaining = measure_lease(self._state, _name("claims", request), lease)
        if remaining > timedelta(0):
            raise InProgress(request, remaining)

    def release(self, request: ScrapeRequested, claim: Claim, now: datetime) -> None:
        """Release the claim so that the next delivery can take over at once; on failure the lease expires. Never raises
        Unavailable."""
        try:
            name = _name("claims", request)
            stored = self._state.read(name)
            # Another delivery holds the claim: this one was paused for longer than its lease.
            if stored is None or _read_lease(name, stored.body, now).holder != claim.holder:
                return
            released = _lease(claim, now, released=True)
            self._state.replace(name, released, generation=stored.generation)
        except Unavailable as error:
            log.warning("claim not released; its lease will expire", extra={"detail": str(error)})

    def recall(self, request: ScrapeRequested) -> Execution | None:
        """Return the stored outcome of the request; None when there is none yet."""
        name = _name("outcomes", request)
        return _read_outcome(name, self._state.get(name))

    def remember(self, request: ScrapeRequested, execution: Execution) -> Execution:
        """Store the outcome, before its events are published; return the one that counts.

        An unreadable stored outcome is overwritten; otherwise every redelivery would execute the request again.
        """
        name = _name("outcomes", request)
        body = _Stored(executed=execution.executed, landed=execution.landed).model_dump_json().encode()
        if self._state.create(name, body):
            return execution
        stored = self._state.read(name)
        if stored is None:  # removed manually between the two calls
            return execution
        if (earlier := _read_outcome(name, stored.body)) is not None:
            return earlier
        if self._state.replace(name, body, generation=stored.generation):
            return execution
        # Another delivery stored its outcome first. If that one is unreadable, publish ours: the ids are the same.
        return self.recall(request) or execution


def _lease(claim: Claim, until: datetime, *, released: bool = False) -> bytes:
    stored = _Lease(holder=claim.holder, until=until, deaths=claim.deaths, released=released)
    return stored.model_dump_json().encode()


def _read_lease(name: str, body: bytes, now: datetime) -> _Lease:
    """Return the stored claim. An unreadable one counts as expired, or its request would never be executed."""
    return read_stored(_Lease, name, body) or _Lease(holder="", until=now)


def _read_outcome(name: str, body: bytes | None) -> Execution | None:
    """Return the stored outcome. An unreadable one counts as missing, or its request would never get an outcome."""
    stored = read_stored(_Stored, name, body)
    return None if stored is None else Execution(stored.executed, stored.landed)


def _name(kind: str, request: ScrapeRequested) -> str:
    return f"runner/{kind}/{request.game_date.isoformat()}/{request.request_id}.json"

"""Pauses of hosts: how long `Retry-After` keeps later scrapes from asking a host again.

    runner/pauses/<host>.json     the longest pause that the host has asked for

Instances share the pauses by these objects in the state bucket. While the bucket is down each process knows only its
own: a host that is asked once too often does less harm than a fleet that stands still.
"""

import logging
import threading
import time
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from tipoff_common.bounds import name_part
from tipoff_common.clock import Instant
from tipoff_common.ports import Objects, Unavailable

log = logging.getLogger(__name__)

# A host that paused us is asked at most this long by other instances, each at its part of the rate.
_FRESH_SECONDS = 15.0
"""How long what was read of a host counts, so that a fan-out over one host reads its object four times a minute."""


class _StoredPause(BaseModel):
    model_config = ConfigDict(frozen=True)

    since: Instant
    until: Instant


class HostPauses:
    """The pauses that hosts asked for, shared by all executions of this process and, by `state`, of others."""

    def __init__(self, state: Objects | None = None) -> None:
        """Keep them in this process alone when there is no state bucket."""
        self._state = state
        self._lock = threading.Lock()
        self._pauses: dict[str, tuple[datetime, datetime]] = {}
        self._read_at: dict[str, float] = {}

    def pause(self, host: str, since: datetime, until: datetime) -> None:
        """Note that `host` is not to be asked between two instants; a shorter pause never replaces a longer one."""
        if not self._note(host, since, until) or self._state is None:
            return
        try:
            _store(self._state, _name(host), _StoredPause(since=since, until=until))
        except Unavailable as error:
            log.warning("pause is known to this process alone", extra={"host": host, "detail": str(error)})

    def until(self, host: str, now: datetime) -> datetime | None:
        """Return when the pause ends in which `now` lies; None when the host may be asked.

        The beginning counts too, because in a replay the days do not come in order.
        """
        self._read(host)
        with self._lock:
            since, until = self._pauses.get(host, (now, now))
            return until if since <= now < until else None

    def _note(self, host: str, since: datetime, until: datetime) -> bool:
        """Keep the longer pause; whether it is this one."""
        with self._lock:
            known = self._pauses.get(host)
            # Of several answers to calls that were under way together the longest pause is meant.
            if known is not None and known[1] >= until:
                return False
            self._pauses[host] = (since, until)
            return True

    def _read(self, host: str) -> None:
        """Take in what another process was told."""
        if self._state is None:
            return
        with self._lock:
            if time.monotonic() < self._read_at.get(host, 0.0):
                return
            # Set before the read, so that of many threads one makes the call and none waits for it.
            self._read_at[host] = time.monotonic() + _FRESH_SECONDS
        try:
            body = self._state.get(_name(host))
            if body is not None:
                read = _StoredPause.model_validate_json(body)
                self._note(host, read.since, read.until)
        except (Unavailable, ValidationError) as error:
            log.warning("pauses of others are not known", extra={"host": host, "detail": str(error)})


def _store(state: Objects, name: str, pause: _StoredPause) -> None:
    """Write the pause unless another process has stored one that ends as late. Raises Unavailable."""
    body = pause.model_dump_json().encode()
    # Ends after as many rounds as processes write at once: a write fails only because another one succeeded.
    while True:
        held = state.read(name)
        if held is None:
            if state.create(name, body, content_type="application/json"):
                return
        # This process may have read the object too long ago to know of the longer pause.
        elif _ends_as_late(held.body, pause) or state.replace(name, body, generation=held.generation):
            return


def _ends_as_late(body: bytes, pause: _StoredPause) -> bool:
    """Return whether the stored pause ends no earlier; one that cannot be read is none, and is written over."""
    try:
        return _StoredPause.model_validate_json(body).until >= pause.until
    except ValidationError:
        return False


def _name(host: str) -> str:
    return f"runner/pauses/{name_part(host)}.json"

"""Pauses of hosts: `Retry-After` delays the requests of later scrapes to the same host.

    runner/pauses/<host>.json     the longest pause that the host has asked for

Instances share the pauses through these objects in the state bucket. While the bucket is down each process has only its
own pauses: one request too many does less harm than a fleet that stands still.
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

# Other instances may send requests to a paused host for at most this long, each at its part of the rate.
_FRESH_SECONDS = 15.0
"""Lifetime of a cached pause: a fan-out over one host reads its object four times a minute."""


class _StoredPause(BaseModel):
    model_config = ConfigDict(frozen=True)

    since: Instant
    until: Instant


class HostPauses:
    """The pauses that hosts asked for, shared by all executions of this process and, through `state`, of others."""

    def __init__(self, state: Objects | None = None) -> None:
        """Keep the pauses in this process only when there is no state bucket."""
        self._state = state
        self._lock = threading.Lock()
        self._pauses: dict[str, tuple[datetime, datetime]] = {}
        self._read_at: dict[str, float] = {}

    def pause(self, host: str, since: datetime, until: datetime) -> None:
        """Store the pause of `host` between two instants; a shorter pause never replaces a longer one."""
        if not self._note(host, since, until) or self._state is None:
            return
        try:
            _store(self._state, _name(host), _StoredPause(since=since, until=until))
        except Unavailable as error:
            log.warning(
                "pause could not be stored; only this process applies it",
                extra={"host": host, "detail": str(error)},
            )

    def until(self, host: str, now: datetime) -> datetime | None:
        """Return the end of the pause that contains `now`; None when there is no such pause.

        The start is checked as well, because a replay need not run the days in order.
        """
        self._read(host)
        with self._lock:
            since, until = self._pauses.get(host, (now, now))
            return until if since <= now < until else None

    def _note(self, host: str, since: datetime, until: datetime) -> bool:
        """Keep the longer pause; return whether it is the new one."""
        with self._lock:
            current = self._pauses.get(host)
            # Concurrent calls may get different pauses: the longest counts.
            if current is not None and current[1] >= until:
                return False
            self._pauses[host] = (since, until)
            return True

    def _read(self, host: str) -> None:
        """Read the pause that another process has stored."""
        if self._state is None:
            return
        with self._lock:
            if time.monotonic() < self._read_at.get(host, 0.0):
                return
            # Set before the read: one thread makes the call, and no other thread waits for it.
            self._read_at[host] = time.monotonic() + _FRESH_SECONDS
        try:
            body = self._state.get(_name(host))
            if body is not None:
                read = _StoredPause.model_validate_json(body)
                self._note(host, read.since, read.until)
        except (Unavailable, ValidationError) as error:
            log.warning(
                "pauses stored by other processes cannot be read", extra={"host": host, "detail": str(error)}
            )


def _store(state: Objects, name: str, pause: _StoredPause) -> None:
    """Write the pause unless another process has stored one that ends as late. Raises Unavailable."""
    body = pause.model_dump_json().encode()
    # The loop ends: a write fails only when another process's write succeeded.
    while True:
        stored = state.read(name)
        if stored is None:
            if state.create(name, body, content_type="application/json"):
                return
        # The stored pause may be longer and newer than this process's cached one.
        elif _ends_as_late(stored.body, pause) or state.replace(name, body, generation=stored.generation):
            return


def _ends_as_late(body: bytes, pause: _StoredPause) -> bool:
    """Return whether the stored pause ends no earlier. False for an unreadable one, which is overwritten."""
    try:
        return _StoredPause.model_validate_json(body).until >= pause.until
    except ValidationError:
        return False


def _name(host: str) -> str:
    return f"runner/pauses/{name_part(host)}.json"

"""Snapshots of the warehouse for pages: read a few times a minute at most, kept, and shown with their age.

A page never asks the warehouse itself. It takes the newest snapshot there is, and one that is older than it should be
is read anew in the background. Whatever the number of tabs, `JOBS_A_MINUTE` bounds what that costs.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from tipoff_common.ports import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
JOBS_A_MINUTE = 3
LOOK_UPS_A_MINUTE = 60
"""For what somebody asks by name: an id's chain costs nine, another day one. A tab left open asks for none."""
_KEPT = 200
"""Answers to look-ups that are kept; the oldest goes."""
# One for each of the standing readings, so that a slow look-up cannot hold them all up.
_READERS = 3
_TRIED_AGAIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """A value as read at an instant; all is None before the first reading."""

    value: T | None = None
    read_at: datetime | None = None
    """That instant."""
    fault: str | None = None
    """The reason why later reads failed."""
    tried_at: datetime | None = None
    """Time of the last read that failed."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A way to read a value, and the age that the value may reach."""

    key: str
    """Two readings of one key are one."""
    read: Callable[[datetime], T]
    max_age: timedelta
    jobs: int = 1
    """How many warehouse jobs it costs."""
    standing: bool = True
    """Whether pages show it at any time; others are look-ups."""


@dataclass(frozen=True)
class Patience:
    """Time for which a page waits for data that is missing or too old."""

    seconds: float
    is_refresh: bool = False
    """A tab that was left open asks."""
    takes_old: bool = False
    """Data up to twice as old as it should be is shown at once and read anew meanwhile: a page that opens now and says
    how old it is beats one that waits to be a minute younger."""


class Budget:
    """At most `jobs` in any minute."""

    def __init__(self, jobs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs, self._clock = jobs, clock
        self._taken: deque[float] = deque()

    def take(self, jobs: int) -> bool:
        """Take so many at once, or none."""
        now = self._clock()
        # A sliding minute: a fixed one would allow twice as many around its turn.
        while self._taken and now - self._taken[0] >= 60:
            self._taken.popleft()
        if len(self._taken) + jobs > self._jobs:
            return False
        self._taken.extend([now] * jobs)
        return True


class Snapshots:
    """The newest of each reading. Safe to be used from many threads; each key is read by one of them at a time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, Snapshot[Any]] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._changed: set[str] = set()
        self._standing, self._look_ups = Budget(JOBS_A_MINUTE), Budget(LOOK_UPS_A_MINUTE)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="console-reader")

    def get(self, reading: Reading[T], patience: Patience) -> Snapshot[T]:
        """Return the newest snapshot. One that is missing or too old is read first, as long as there is patience.

        What cannot be read within the budget stays as it is; its age tells.
        """
        with self._lock:
            found: Snapshot[T] = self._kept.get(reading.key, Snapshot())
            if found.read_at is not None and self._now() - found.read_at <= reading.max_age:
                return found
            # What failed a moment ago fails again; the budget is for what may succeed.
            if found.tried_at is not None and self._now() - found.tried_at <= _TRIED_AGAIN:
                return found
            # A look-up was somebody's question; that the tab is still open asks nothing anew.
            if found.read_at is not None and patience.is_refresh and not reading.standing:
                return found
            # Under the lock, or two tabs would both begin the same reading.
            future = self._under_way.get(reading.key) or self._start(reading)
        if patience.takes_old and found.read_at and self._now() - found.read_at <= 2 * reading.max_age:
            return found
        if future is not None and patience.seconds > 0:
            try:
                future.result(patience.seconds)
            except TimeoutError:
                return found
        with self._lock:
            return self._kept.get(reading.key, Snapshot())

    def forget(self, key: str) -> None:
        """Read it anew the next time, as somebody just changed it, even where the minute's jobs are spent."""
        with self._lock:
            self._kept.pop(key, None)
            self._changed.add(key)

    def _start(self, reading: Reading[T]) -> Future[None] | None:
        # Whoever paused a workflow wants to see it paused: that is a person's question, not a tab's.
        is_asked = not reading.standing or reading.key in self._changed
        budget = self._look_ups if is_asked else self._standing
        # The page shows what there is, with its age; the next look may have a budget again.
        if not budget.take(reading.jobs):
            return None
        self._changed.discard(reading.key)
        future = self._pool.submit(self._read, reading)
        self._under_way[reading.key] = future
        return future

    def _read(self, reading: Reading[T]) -> None:
        # The old value stays beside the fault: an hour-old day says more than an empty page.
        before = self._kept.get(reading.key, Snapshot[T]())
        at = self._now()
        try:
            after = Snapshot(reading.read(at), at)
        except Unavailable as error:
            log.error("the console's data cannot be read", extra={"detail": str(error), "key": reading.key})
            after = Snapshot(before.value, before.read_at, str(error), at)
        except Exception as error:
            # A row that no model expects must not end in a page that waits for ever.
            log.exception("the console's data cannot be understood", extra={"key": reading.key})
            after = Snapshot(before.value, before.read_at, f"{type(error).__name__}: {error}", at)
        with self._lock:
            # Somebody changed it meanwhile, and what was read may be from before: it is read once more.
            is_outdated = reading.key in self._changed and self._look_ups.take(reading.jobs)
            if is_outdated:
                self._changed.discard(reading.key)
        if is_outdated:
            self._read(reading)
            return
        with self._lock:
            self._kept.pop(reading.key, None)
            self._kept[reading.key] = after
            self._under_way.pop(reading.key, None)
            while len(self._kept) > _KEPT:
                del self._kept[next(iter(self._kept))]

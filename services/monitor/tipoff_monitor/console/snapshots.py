"""Snapshots of the warehouse for pages: read a few times a minute at most, cached, and shown with their age.

A page never queries the warehouse itself. It takes the newest snapshot, and a snapshot beyond its maximum age is read
again in the background. `JOBS_A_MINUTE` bounds the cost for any number of tabs.
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
"""The budget of look-ups by name: an id's chain costs nine jobs, another day one. A tab left open repeats none."""
_CACHE_SIZE = 200
"""Maximum number of cached snapshots; the oldest is evicted."""
# One per standing reading, so that a slow look-up cannot delay all of them.
_READERS = 3
_TRIED_AGAIN = timedelta(seconds=15)


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """A value and the instant of its reading; all fields are None before the first reading."""

    value: T | None = None
    read_at: datetime | None = None
    """The instant of the reading."""
    fault: str | None = None
    """The reason why later reads failed."""
    tried_at: datetime | None = None
    """Time of the last read that failed."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """A way to read a value, and the age that the value may reach."""

    key: str
    """Readings with equal keys share one snapshot."""
    read: Callable[[datetime], T]
    max_age: timedelta
    jobs: int = 1
    """The number of warehouse jobs that a read costs."""
    standing: bool = True
    """Whether pages show the value at any time; other readings are look-ups."""


@dataclass(frozen=True)
class Patience:
    """Time for which a page waits for data that is missing or too old."""

    seconds: float
    is_refresh: bool = False
    """Whether an open tab makes the request, and not a person."""
    takes_old: bool = False
    """Whether to show data of up to twice its maximum age at once and read it again meanwhile: a page that opens at
    once with the age of its data is better than a page that waits for data a minute younger."""


class Budget:
    """A rate limit: at most `jobs` in any minute."""

    def __init__(self, jobs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs, self._clock = jobs, clock
        self._taken: deque[float] = deque()

    def take(self, jobs: int) -> bool:
        """Take all of these jobs at once; False, and none taken, when the budget does not suffice."""
        now = self._clock()
        # A sliding minute: a fixed minute would allow twice as many jobs around its end.
        while self._taken and now - self._taken[0] >= 60:
            self._taken.popleft()
        if len(self._taken) + jobs > self._jobs:
            return False
        self._taken.extend([now] * jobs)
        return True


class Snapshots:
    """The newest snapshot of each reading. Thread-safe; at most one thread reads each key at a time."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._cache: dict[str, Snapshot[Any]] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._changed: set[str] = set()
        self._standing, self._look_ups = Budget(JOBS_A_MINUTE), Budget(LOOK_UPS_A_MINUTE)
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="console-reader")

    def get(self, reading: Reading[T], patience: Patience) -> Snapshot[T]:
        """Return the newest snapshot; wait for a missing or too old one as long as `patience` allows.

        Without budget for a read, the old snapshot is returned, and its age is visible.
        """
        with self._lock:
            found: Snapshot[T] = self._cache.get(reading.key, Snapshot())
            if found.read_at is not None and self._now() - found.read_at <= reading.max_age:
                return found
            # Do not retry a recent failure at once: save the budget for reads that may succeed.
            if found.tried_at is not None and self._now() - found.tried_at <= _TRIED_AGAIN:
                return found
            # A person requests a look-up once; a refresh of the open tab does not repeat it.
            if found.read_at is not None and patience.is_refresh and not reading.standing:
                return found
            # Under the lock, or two tabs would both start the same reading.
            future = self._under_way.get(reading.key) or self._start(reading)
        if patience.takes_old and found.read_at and self._now() - found.read_at <= 2 * reading.max_age:
            return found
        if future is not None and patience.seconds > 0:
            try:
                future.result(patience.seconds)
            except TimeoutError:
                return found
        with self._lock:
            return self._cache.get(reading.key, Snapshot())

    def forget(self, key: str) -> None:
        """Drop a snapshot after a person's change; the next read may use the look-ups' budget."""
        with self._lock:
            self._cache.pop(key, None)
            self._changed.add(key)

    def _start(self, reading: Reading[T]) -> Future[None] | None:
        # A read after a person's change counts as a look-up, so that the person sees the effect.
        is_look_up = not reading.standing or reading.key in self._changed
        budget = self._look_ups if is_look_up else self._standing
        # The page shows the old snapshot with its age; a later request may find budget again.
        if not budget.take(reading.jobs):
            return None
        self._changed.discard(reading.key)
        future = self._pool.submit(self._read, reading)
        self._under_way[reading.key] = future
        return future

    def _read(self, reading: Reading[T]) -> None:
        # Keep the old value beside the fault: an hour-old day is better than an empty page.
        before = self._cache.get(reading.key, Snapshot[T]())
        at = self._now()
        try:
            after = Snapshot(reading.read(at), at)
        except Unavailable as error:
            log.error("the console's data cannot be read", extra={"detail": str(error), "key": reading.key})
            after = Snapshot(before.value, before.read_at, str(error), at)
        except Exception as error:
            # An unexpected row must not leave a page waiting forever.
            log.exception("unexpected data for the console", extra={"key": reading.key})
            after = Snapshot(before.value, before.read_at, f"{type(error).__name__}: {error}", at)
        with self._lock:
            # A person changed the data meanwhile, and the value may be from before the change: read it once more.
            is_outdated = reading.key in self._changed and self._look_ups.take(reading.jobs)
            if is_outdated:
                self._changed.discard(reading.key)
        if is_outdated:
            self._read(reading)
            return
        with self._lock:
            self._cache.pop(reading.key, None)
            self._cache[reading.key] = after
            self._under_way.pop(reading.key, None)
            while len(self._cache) > _CACHE_SIZE:
                del self._cache[next(iter(self._cache))]

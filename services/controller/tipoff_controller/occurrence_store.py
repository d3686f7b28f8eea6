"""The logs of occurrences in the state bucket: read, appended to, and kept in memory for the next execution.

An entry is created only if its number is free. When two controllers append at once, one wins; the other reads that
entry before it tries the next number. Each entry is an object of its own, because Cloud Storage accepts one write per
second to the same name (https://cloud.google.com/storage/quotas#objects) and any number to different names.
"""

import logging
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, TypeVar

from tipoff_common.ports import Objects
from tipoff_common.retrying_objects import retrying
from tipoff_common.stored import read_stored
from tipoff_controller import names
from tipoff_controller.earlier_layout import EarlierLayout
from tipoff_planning.occurrence_log import Entry, OccurrenceState

# A summary holds all executions of the occurrence, so with a summary in every entry the
# bytes would grow with the square of the executions.
SUMMARY_EVERY = 64
"""An entry whose number is a multiple of this includes all earlier entries, so a load reads at most this many."""
# More than the open occurrences of busy days; an evicted occurrence only costs a read of its log.
_CACHE_SIZE = 1_024
"""Occurrences that one process keeps in memory; the least recently used is evicted first."""
_READERS = 16

T = TypeVar("T")
log = logging.getLogger(__name__)


class Key(NamedTuple):
    """Identity of an occurrence's log. The log is stored below its game date, so that logs are listed by day."""

    game_date: date
    occurrence_id: str


@dataclass(frozen=True)
class Concurrency:
    """The executor for calls to the bucket, and the locks that serialize changes of an occurrence in this process."""

    lock: Callable[[], AbstractContextManager[Any]] = threading.RLock
    """Factory of a reentrant lock."""
    locks: int = 128
    """The number of occurrences that can change at once; one lock per occurrence would accumulate locks forever."""
    readers: Callable[[], Executor] = lambda: ThreadPoolExecutor(_READERS, thread_name_prefix="occurrences")
    """Factory of an executor for reads from the bucket."""


THREADS = Concurrency()


class OccurrenceStore:
    """The logs of all occurrences. Every method raises Unavailable. Only the holder of a state's lock may change it."""

    def __init__(
        self, state: Objects, subject_parameters: Iterable[str], concurrency: Concurrency = THREADS
    ) -> None:
        # An evaluation reads every due occurrence: a fault in a few calls must not fail the evaluation.
        self._state = retrying(state)
        self._earlier = EarlierLayout(self._state, tuple(subject_parameters))
        self._cache: OrderedDict[Key, OccurrenceState] = OrderedDict()
        self._locks = [concurrency.lock() for _ in range(concurrency.locks)]
        self._guard = threading.Lock()
        self._migrated: set[date] = set()
        self._migrated_runs: set[date] = set()
        self._more_readers = concurrency.readers
        self._readers = concurrency.readers()

    def lock(self, key: Key) -> AbstractContextManager[Any]:
        """Return the lock of one occurrence in this process; between processes, entry numbers prevent conflicts."""
        # Not Python's own hash of a string: it differs from process to process, and a run could not be reproduced.
        # Two occurrences that share a lock wait for each other, which costs time only: the
        # locks are reentrant.
        return self._locks[zlib.crc32(key.occurrence_id.encode()) % len(self._locks)]

    @contextmanager
    def all_locked(self) -> Iterator[None]:
        """Hold all locks, so that no state changes while a decision reads many of them."""
        with ExitStack() as stack:
            for lock in self._locks:  # always in the same order, so that no two wait for each other
                stack.enter_context(lock)
            yield

    def cached(self, key: Key) -> OccurrenceState:
        """Return this process's copy of the state, which may lack later entries of other processes."""
        with self._guard:
            state = self._cache.get(key)
            if state is not None:
                self._cache.move_to_end(key)
        return state if state is not None else self.load(key)

    def under_way(self, key: Key) -> int:
        """Return how many requests of an occurrence are under way in this process's copy; makes no call."""
        with self._guard:
            state = self._cache.get(key)
        return state.progress.under_way if state is not None and state.progress is not None else 0

    def load(self, key: Key) -> OccurrenceState:
        """Return the state with every entry in the bucket."""
        with self.lock(key):
            with self._guard:
                state = self._cache.get(key)
            if state is None:
                state = self._read_log(key)
            else:
                self.catch_up(state)
            self._keep(key, state)
            return state

    def load_all(self, keys: Iterable[Key]) -> dict[Key, OccurrenceState]:
        """Load several occurrences in parallel; an occurrence without a log costs a single call."""
        # Deduplicated in order: a due occurrence is usually open as well.
        unique_keys = list(dict.fromkeys(keys))
        return dict(zip(unique_keys, self._readers.map(self.load, unique_keys), strict=True))

    def beside(self, call: Callable[[], T]) -> "Future[T]":
        """Begin a call that reads from a bucket, in parallel to the caller."""
        # With the caller's context, so that the call's log lines carry the tick's trace.
        return self._readers.submit(copy_context().run, call)

    def append(self, state: OccurrenceState, entry: Entry) -> bool:
        """Write the next entry and apply it; False when another process has taken its number: catch up then."""
        key = Key(state.game_date, state.occurrence_id)
        number = state.next_number
        written = state.summarized(entry) if number and number % SUMMARY_EVERY == 0 else entry
        try:
            created = self._state.create(
                names.entry(*key, number), written.model_dump_json(exclude_defaults=True).encode()
            )
        except BaseException:
            # The entry may or may not be written, and the state includes its draft: reload the state the next time.
            self.forget(key)
            raise
        if not created:
            return False
        state.apply(entry)
        self._keep(key, state)
        return True

    def catch_up(self, state: OccurrenceState) -> None:
        """Apply entries that other processes have appended."""
        key = Key(state.game_date, state.occurrence_id)
        while (body := self._state.get(names.entry(*key, state.next_number))) is not None:
            self._apply(state, names.entry(*key, state.next_number), body)

    def entries(self, key: Key, numbers: Sequence[int]) -> dict[int, Entry]:
        """Return the entries with these numbers, read in parallel; without those that cannot be read."""
        bodies = zip(numbers, self._bodies(key, numbers), strict=True)
        read = {number: read_stored(Entry, name, body) for number, (name, body) in bodies}
        return {number: entry for number, entry in read.items() if entry is not None}

    def forget(self, key: Key) -> None:
        """Drop this process's copy of the state, so that the next call reloads it."""
        with self._guard:
            self._cache.pop(key, None)

    def open(self, key: Key) -> None:
        """Write the open marker of the occurrence, so that evaluations load it."""
        # Overwrite a marker that is there: its new generation stops another controller that is about to delete it.
        self._state.put(names.open_marker(*key), b"", content_type="application/octet-stream")

    def close(self, key: Key, marker: int) -> None:
        """Delete the occurrence's open marker, unless a new entry has made it unsettled.

        marker: the marker's generation from before the occurrence was loaded.
        """
        self._state.delete(names.open_marker(*key), generation=marker)
        with self.lock(key):
            if not self.load(key).settled:
                # A controller that crashed after its entry opened the occurrence only before it: with this generation.
                self.open(key)

    def opened(self) -> dict[Key, int]:
        """Return the open occurrences with the generations of their markers; one list call."""
        found: dict[Key, int] = {}
        for info in self._state.list(names.OPEN):
            if (marker := names.opened(info.name)) is not None:
                found[Key(*marker)] = info.generation
            else:
                # Skip it: an error here would stop the decisions about every workflow.
                log.warning("object is no open marker; delete it: %s", info.name)
        return found

    def logged(self, day: date) -> list[Key]:
        """List all occurrences about a day: one list call, with pages in proportion to their entries."""
        prefix = f"controller/occurrences/{day.isoformat()}/"
        found = {
            info.name.removeprefix(prefix).split("/")[0]
            for info in self._state.list(prefix)
            if names.number_of(info.name) is not None
        }
        return [Key(day, occurrence) for occurrence in sorted(found | set(self._earlier.occurrences(day)))]

    def migrate(self, days: Iterable[date], run_days: Iterable[date]) -> None:
        """Migrate the previous version's occurrences about `days`, and its manual runs of the days `run_days`."""
        new_days, new_run_days = set(days) - self._migrated, set(run_days) - self._migrated_runs
        keys = [
            Key(day, occurrence) for day in sorted(new_days) for occurrence in self._earlier.occurrences(day)
        ]
        for key in dict.fromkeys(
            [*keys, *(Key(*run_key) for run_key in self._earlier.open_runs(sorted(new_run_days)))]
        ):
            if self.load(key).plan is not None:
                self.open(key)
        self._migrated |= new_days
        self._migrated_runs |= new_run_days

    def _read_log(self, key: Key) -> OccurrenceState:
        state = OccurrenceState(*key)
        first = self._state.get(names.entry(*key, 0))
        if first is None:
            # Read entry 0 before listing: most looked-up occurrences were never decided, and a read costs a twelfth of
            # a listing (https://cloud.google.com/storage/pricing#operations-by-class).
            entry = self._earlier.entry(*key)
            if entry is not None and not self.append(state, entry):
                self.catch_up(state)
            return state
        found = [names.number_of(info.name) for info in self._state.list(names.log(*key))]
        numbers = sorted(number for number in found if number is not None)
        last = numbers[-1]
        state.next_number = last - last % SUMMARY_EVERY
        # From the last summary on.
        for name, body in self._bodies(key, range(state.next_number, last + 1), first):
            self._apply(state, name, body or b"")
        if state.unreadable and last >= SUMMARY_EVERY:
            # The summary may be the unreadable entry; all entries together are equivalent to it.
            state = OccurrenceState(*key)
            for name, body in self._bodies(key, range(last + 1), first):
                self._apply(state, name, body or b"")
        return state

    def _bodies(
        self, key: Key, numbers: Sequence[int], first: bytes | None = None
    ) -> Iterator[tuple[str, bytes | None]]:
        """Yield name and body of the entries with these numbers. first: the body of entry 0, if it was read before."""
        if first is not None and 0 in numbers:
            yield names.entry(*key, 0), first
        found = [names.entry(*key, number) for number in numbers if number or first is None]
        # Separate readers, since the readers of `load_all` wait for these reads.
        with self._more_readers() if len(found) > 4 else _Sequential() as readers:
            yield from zip(found, readers.map(self._state.get, found), strict=True)

    def _apply(self, state: OccurrenceState, name: str, body: bytes) -> None:
        entry = read_stored(Entry, name, body)
        if entry is not None:
            state.apply(entry)
        else:
            state.unreadable.append(name)
            # The unreadable entry still occupies its number.
            state.next_number += 1

    def _keep(self, key: Key, state: OccurrenceState) -> None:
        if state.next_number == 0:
            return  # Without a log there is nothing to cache; another look-up costs one call.
        with self._guard:
            self._cache[key] = state
            self._cache.move_to_end(key)
            while len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)


class _Sequential:
    """A sequential executor for few reads, where threads would cost more than they save."""

    map = staticmethod(map)

    def __enter__(self) -> "_Sequential":
        return self

    def __exit__(self, *_: object) -> None:
        return None

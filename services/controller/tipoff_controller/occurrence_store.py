"""The logs of occurrences in the state bucket: read, appended to, and kept in memory for the next execution.

An entry is created if its number is free, so of two controllers that append at once one wins, and the other reads what
was written before it tries the next number. Each entry is an object of its own, as Cloud Storage takes one write a
second of the same name (https://cloud.google.com/storage/quotas#objects) and any number of different ones.
"""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
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

# A summary holds all executions of the occurrence, so writing it with every entry would
# make bytes grow with their square.
SUMMARY_EVERY = 64
"""Each entry whose number is a multiple of this holds all before it: so many entries are read at most."""
# More than the open occurrences of busy days; one that is pushed out costs a read of its log, nothing else.
_KEPT = 1_024
"""Occurrences that one process keeps in memory, the least recently used go first."""
_READERS = 16

T = TypeVar("T")


class Key(NamedTuple):
    """Identity of an occurrence's log. It lies below the game date, so that old logs can be found and expire by day."""

    game_date: date
    occurrence_id: str


@dataclass(frozen=True)
class Concurrency:
    """The executor for calls to the bucket, and the locks that keep two of them from changing the same occurrence."""

    lock: Callable[[], AbstractContextManager[Any]] = threading.RLock
    """Makes a lock that its holder may take again."""
    locks: int = 128
    """So many occurrences can change at the same time; a lock each would stay for every one that ever was."""
    readers: Callable[[], Executor] = lambda: ThreadPoolExecutor(_READERS, thread_name_prefix="occurrences")
    """Makes an executor for reads from the bucket."""


THREADS = Concurrency()


class OccurrenceStore:
    """The logs of all occurrences. Every method raises Unavailable. States belong to whoever holds their lock."""

    def __init__(
        self, state: Objects, subject_parameters: Iterable[str], concurrency: Concurrency = THREADS
    ) -> None:
        # An evaluation reads every occurrence that is due: a fault in a few calls must not cost it.
        self._state = retrying(state)
        self._earlier = EarlierLayout(self._state, tuple(subject_parameters))
        self._kept: OrderedDict[Key, OccurrenceState] = OrderedDict()
        self._locks = [concurrency.lock() for _ in range(concurrency.locks)]
        self._guard = threading.Lock()
        self._migrated: set[date] = set()
        self._migrated_runs: set[date] = set()
        self._more_readers = concurrency.readers
        self._readers = concurrency.readers()

    def lock(self, key: Key) -> AbstractContextManager[Any]:
        """Return the lock of one occurrence in this process; other processes are told apart by the entries'
        numbers."""
        # Python's own hash of a text differs from process to process; with this one the same run is the same again.
        # Two occurrences may share a lock and wait for each other, which costs time only: a
        # thread may take its own twice.
        return self._locks[zlib.crc32(key.occurrence_id.encode()) % len(self._locks)]

    @contextmanager
    def all_locked(self) -> Iterator[None]:
        """Let no state change while a decision looks at many of them."""
        with ExitStack() as stack:
            for lock in self._locks:  # always in the same order, so that no two wait for each other
                stack.enter_context(lock)
            yield

    def kept(self, key: Key) -> OccurrenceState:
        """Return the state as this process knows it, which may lack what another has appended since."""
        with self._guard:
            state = self._kept.get(key)
            if state is not None:
                self._kept.move_to_end(key)
        return state if state is not None else self.load(key)

    def under_way(self, key: Key) -> int:
        """Return how many requests of an occurrence are under way, as far as this process knows; no call."""
        with self._guard:
            state = self._kept.get(key)
        return state.progress.under_way if state is not None and state.progress is not None else 0

    def load(self, key: Key) -> OccurrenceState:
        """Return the state with every entry there is."""
        with self.lock(key):
            with self._guard:
                state = self._kept.get(key)
            if state is None:
                state = self._read_whole(key)
            else:
                self.catch_up(state)
            self._keep(key, state)
            return state

    def load_all(self, keys: Iterable[Key]) -> dict[Key, OccurrenceState]:
        """Load several occurrences side by side; one without a log costs a single call."""
        # Without repetitions, in order: an occurrence that is due is usually open as well.
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, self._readers.map(self.load, wanted), strict=True))

    def beside(self, call: Callable[[], T]) -> "Future[T]":
        """Begin a call that reads from a bucket, while the caller makes another one."""
        # With the caller's context, so that what it logs is found by the tick's trace.
        return self._readers.submit(copy_context().run, call)

    def append(self, state: OccurrenceState, entry: Entry) -> bool:
        """Write the next entry and apply it; False when another process has taken its number. Catch up then."""
        key = Key(state.game_date, state.occurrence_id)
        number = state.next_number
        written = state.summarized(entry) if number and number % SUMMARY_EVERY == 0 else entry
        try:
            created = self._state.create(
                names.entry(*key, number), written.model_dump_json(exclude_defaults=True).encode()
            )
        except BaseException:
            # Whether it was written is not known, and the draft is part of the state: read it anew the next time.
            self.forget(key)
            raise
        if not created:
            return False
        state.apply(entry)
        self._keep(key, state)
        return True

    def catch_up(self, state: OccurrenceState) -> None:
        """Apply what other processes have appended."""
        key = Key(state.game_date, state.occurrence_id)
        while (body := self._state.get(names.entry(*key, state.next_number))) is not None:
            self._apply(state, names.entry(*key, state.next_number), body)

    def entry(self, key: Key, number: int) -> Entry | None:
        """Return one entry; None when it is not there or cannot be read."""
        name = names.entry(*key, number)
        return read_stored(Entry, name, self._state.get(name))

    def forget(self, key: Key) -> None:
        """Read the occurrence anew the next time."""
        with self._guard:
            self._kept.pop(key, None)

    def open(self, key: Key) -> None:
        """Remember that something may come of the occurrence, so that evaluations look at it."""
        self._state.create(names.open_marker(*key), b"")

    def close(self, key: Key) -> None:
        """Remember that nothing more will come of it, unless something has come in between."""
        self._state.delete(names.open_marker(*key))
        with self.lock(key):
            if not self.load(key).settled:
                # What came in after the state was read found the marker still there.
                self.open(key)

    def opened(self) -> list[Key]:
        """Return the occurrences of which something may still come; one list call."""
        return [Key(*names.opened(info.name)) for info in self._state.list(names.OPEN)]

    def logged(self, day: date) -> list[Key]:
        """List all occurrences about a day: one list call, whose pages grow with their entries."""
        prefix = f"controller/occurrences/{day.isoformat()}/"
        found = {info.name.removeprefix(prefix).split("/")[0] for info in self._state.list(prefix)}
        return [Key(day, occurrence) for occurrence in sorted(found | set(self._earlier.occurrences(day)))]

    def migrate(self, days: Iterable[date], asked: Iterable[date]) -> None:
        """Take over what the version before this one wrote about `days`, and its manual runs of the days `asked`."""
        new_days, new_asked = set(days) - self._migrated, set(asked) - self._migrated_runs
        keys = [
            Key(day, occurrence) for day in sorted(new_days) for occurrence in self._earlier.occurrences(day)
        ]
        for key in dict.fromkeys(
            [*keys, *(Key(*found) for found in self._earlier.open_runs(sorted(new_asked)))]
        ):
            if self.load(key).plan is not None:
                self.open(key)
        self._migrated |= new_days
        self._migrated_runs |= new_asked

    def _read_whole(self, key: Key) -> OccurrenceState:
        state = OccurrenceState(*key)
        first = self._state.get(names.entry(*key, 0))
        if first is None:
            # Most that an evaluation looks up were never decided. A read is a twelfth of the price of a listing
            # (https://cloud.google.com/storage/pricing#operations-by-class).
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
            self._apply(state, name, body)
        if state.unreadable and last >= SUMMARY_EVERY:
            # The summary may be what cannot be read; all entries together say the same.
            state = OccurrenceState(*key)
            for name, body in self._bodies(key, range(last + 1), first):
                self._apply(state, name, body)
        return state

    def _bodies(self, key: Key, numbers: range, first: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield the entries of these numbers by name; `first` is what entry 0 holds, which is read already."""
        if 0 in numbers:
            yield names.entry(*key, 0), first
        found = [names.entry(*key, number) for number in numbers if number]
        # Readers of their own, since load_all's wait for this.
        with self._more_readers() if len(found) > 4 else _Sequential() as readers:
            for name, body in zip(found, readers.map(self._state.get, found), strict=True):
                yield name, body or b""

    def _apply(self, state: OccurrenceState, name: str, body: bytes) -> None:
        entry = read_stored(Entry, name, body)
        if entry is not None:
            state.apply(entry)
        else:
            state.unreadable.append(name)
            # Its number is taken all the same, so the next entry must not try to be it.
            state.next_number += 1

    def _keep(self, key: Key, state: OccurrenceState) -> None:
        if state.next_number == 0:
            return  # Nothing is known of it; asking again is one call.
        with self._guard:
            self._kept[key] = state
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


class _Sequential:
    """In place of threads where they would cost more than they save."""

    map = staticmethod(map)

    def __enter__(self) -> "_Sequential":
        return self

    def __exit__(self, *_: object) -> None:
        return None

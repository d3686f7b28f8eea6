"""The controller's record of decisions and expectations, in the state bucket; names.py has the names of all its
objects.

First creation wins: what was decided once is published again, never decided again.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime

from tipoff_common.events import ScheduleLocked
from tipoff_common.ports import Objects
from tipoff_common.retrying_objects import retrying
from tipoff_common.stored import read_stored, write_stored
from tipoff_controller import names
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.settled import Settled


class Ledger:
    """The controller's prefix of the state bucket, without the occurrences. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        # A tick makes many calls: a fault in a few of them must not cost it.
        self._state = retrying(state)

    def decided(self, tick: datetime) -> DecisionBatch | None:
        """Return what was decided at a tick; None when nothing was, or when it cannot be read."""
        return self._batch(names.tick(tick))

    def remember_decided(self, tick: datetime, drafted: DecisionBatch) -> DecisionBatch:
        """Write down what a tick came to, and return what counts: the first that was written."""
        return self._remember(names.tick(tick), drafted)

    def manual_run(self, occurrence: str) -> DecisionBatch | None:
        """Return what was decided for a manual run; None when it is none, or when it cannot be read."""
        return self._batch(names.manual_run(occurrence))

    def remember_manual_run(self, drafted: DecisionBatch) -> DecisionBatch:
        """Write a manual run down, and return the one that counts: the first under its occurrence."""
        return self._remember(names.manual_run(drafted.decisions[0].occurrence_id), drafted)

    def latest_manual_runs(self, count: int) -> list[DecisionBatch]:
        """Return what was decided for the manual runs that were written last, the latest first; one that cannot be
        read is left out."""
        # A listing has the instants, so only as many bodies are read as are returned.
        found = sorted(self._state.list(names.MANUAL), key=lambda info: info.updated, reverse=True)[:count]
        return [batch for info in found if (batch := self._batch(info.name)) is not None]

    def settled(self) -> Settled:
        """Return what settled occurrences came to; nothing when it cannot be read, as the dataset knows it too."""
        return _settled(self._state.get(names.SETTLED))

    def change_settled(self, change: Callable[[Settled], Settled]) -> None:
        """Write what settled occurrences came to, changed; again if somebody else wrote in between."""
        # Ends, since each round that loses means that another writer has won.
        while True:
            versioned = self._state.read(names.SETTLED)
            known = _settled(versioned.body if versioned else None)
            changed = change(known)
            if changed == known:
                return
            body = changed.model_dump_json(exclude_defaults=True).encode()
            if write_stored(self._state, names.SETTLED, body, versioned.generation if versioned else None):
                return

    def schedules(self, day: date) -> list[ScheduleLocked]:
        """Return a day's locked schedule and its changes, oldest first; what cannot be read is left out."""
        found = [info.name for info in self._state.list(names.schedules(day))]
        # Sorting is stable: the lock stays ahead of a change that was made at its very instant.
        lock_first = sorted(found, key=lambda name: name != names.lock(day))
        events = [event for name in lock_first if (event := self._schedule(name)) is not None]
        return sorted(events, key=lambda event: event.locked_at)

    def remember_lock(self, event: ScheduleLocked) -> ScheduleLocked:
        """Write a day's locked schedule unless there is one; return the first that was written, which counts."""
        if self._state.create(names.lock(event.date), event.model_dump_json().encode()):
            return event
        # The first lock counts even when it cannot be read; what is published then has the same row ids.
        return self._schedule(names.lock(event.date)) or event

    def remember_locks(self, events: Iterable[ScheduleLocked]) -> list[ScheduleLocked]:
        """Write schedules that are locked late, and return those that count."""
        return [self.remember_lock(event) for event in events]

    def remember_changes(self, events: Iterable[ScheduleLocked]) -> None:
        """Write changes of locked schedules down."""
        for event in events:
            name = names.change(event.date, event.locked_at, event.schedule_version)
            self._state.create(name, event.model_dump_json().encode())

    def _remember(self, name: str, drafted: DecisionBatch) -> DecisionBatch:
        if self._state.create(name, drafted.model_dump_json().encode()):
            return drafted
        # Somebody was first. If theirs cannot be read, ours stands in for it: same
        # ids, and the log has the error.
        return self._batch(name) or drafted

    def _batch(self, name: str) -> DecisionBatch | None:
        # What is decided in place of one that cannot be read has the same ids, and begins no occurrence anew.
        return read_stored(DecisionBatch, name, self._state.get(name))

    def _schedule(self, name: str) -> ScheduleLocked | None:
        return read_stored(ScheduleLocked, name, self._state.get(name))


def _settled(body: bytes | None) -> Settled:
    # To forget what was found costs looks that were not needed; to fail would stop every decision.
    return read_stored(Settled, names.SETTLED, body) or Settled()

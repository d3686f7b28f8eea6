"""The controller's record of decisions and expectations, in the state bucket; names.py has the names of all its
objects.

The first creation wins: a written decision is published again, never made again.
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
        # A tick makes many calls: a fault in a few of them must not fail the tick.
        self._state = retrying(state)

    def decided(self, tick: datetime) -> DecisionBatch | None:
        """Return the decisions of a tick; None when there are none or they cannot be read."""
        return self._batch(names.tick(tick))

    def remember_decided(self, tick: datetime, batch: DecisionBatch) -> DecisionBatch:
        """Write the decisions of a tick unless there are some; return the first written, which count."""
        return self._remember(names.tick(tick), batch)

    def manual_run(self, occurrence: str) -> DecisionBatch | None:
        """Return the decision of a manual run; None when the occurrence is no manual run or it cannot be read."""
        return self._batch(names.manual_run(occurrence))

    def remember_manual_run(self, batch: DecisionBatch) -> DecisionBatch:
        """Write a manual run unless its occurrence has one; return the first written, which counts."""
        return self._remember(names.manual_run(batch.decisions[0].occurrence_id), batch)

    def latest_manual_runs(self, count: int) -> list[DecisionBatch]:
        """Return the decisions of the manual runs that were written last, the latest first, without unreadable
        ones."""
        # A listing includes the instants, so at most `count` bodies are read.
        found = sorted(self._state.list(names.MANUAL), key=lambda info: info.updated, reverse=True)[:count]
        return [batch for info in found if (batch := self._batch(info.name)) is not None]

    def settled(self) -> Settled:
        """Return the results of settled occurrences; empty when unreadable, since the dataset has the results too."""
        return _settled(self._state.get(names.SETTLED))

    def change_settled(self, change: Callable[[Settled], Settled]) -> None:
        """Change the results of settled occurrences; retry when another process wrote in between."""
        # The loop ends: a lost round means that another writer made progress.
        while True:
            versioned = self._state.read(names.SETTLED)
            current = _settled(versioned.body if versioned else None)
            changed = change(current)
            if changed == current:
                return
            body = changed.model_dump_json(exclude_defaults=True).encode()
            if write_stored(self._state, names.SETTLED, body, versioned.generation if versioned else None):
                return

    def schedules(self, day: date) -> list[ScheduleLocked]:
        """Return a day's locked schedule and its changes, oldest first, without unreadable ones."""
        found = [info.name for info in self._state.list(names.schedules(day))]
        # Sorting is stable: the lock stays ahead of a change with the same instant.
        lock_first = sorted(found, key=lambda name: name != names.lock(day))
        events = [event for name in lock_first if (event := self._schedule(name)) is not None]
        return sorted(events, key=lambda event: event.locked_at)

    def remember_lock(self, event: ScheduleLocked) -> ScheduleLocked:
        """Write a day's locked schedule unless there is one; return the first written, which counts."""
        if self._state.create(names.lock(event.date), event.model_dump_json().encode()):
            return event
        # The first lock counts even when it is unreadable; publishing this draft instead gives rows with the same ids.
        return self._schedule(names.lock(event.date)) or event

    def remember_locks(self, events: Iterable[ScheduleLocked]) -> list[ScheduleLocked]:
        """Write schedules that are locked late; return the first written of each day, which count."""
        return [self.remember_lock(event) for event in events]

    def remember_changes(self, events: Iterable[ScheduleLocked]) -> None:
        """Write changes of locked schedules."""
        for event in events:
            name = names.change(event.date, event.locked_at, event.schedule_version)
            self._state.create(name, event.model_dump_json().encode())

    def _remember(self, name: str, batch: DecisionBatch) -> DecisionBatch:
        if self._state.create(name, batch.model_dump_json().encode()):
            return batch
        # Another process wrote first. If its batch is unreadable, use this draft: it
        # has the same ids, and the log has the error.
        return self._batch(name) or batch

    def _batch(self, name: str) -> DecisionBatch | None:
        # A new decision in place of an unreadable batch has the same ids, and restarts no occurrence.
        return read_stored(DecisionBatch, name, self._state.get(name))

    def _schedule(self, name: str) -> ScheduleLocked | None:
        return read_stored(ScheduleLocked, name, self._state.get(name))


def _settled(body: bytes | None) -> Settled:
    # Losing the results costs some unnecessary requests; an error here would stop every decision.
    return read_stored(Settled, names.SETTLED, body) or Settled()

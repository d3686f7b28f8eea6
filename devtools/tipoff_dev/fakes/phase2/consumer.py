"""Messages, each with its fate: processed, dropped, held or refused."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tipoff_common.events import FileLanded
from tipoff_common.ports import Unavailable
from tipoff_common.receipts import Receipts
from tipoff_dev.fakes.phase2.behaviour import Behaviour, Fate, fate
from tipoff_dev.fakes.phase2.loading import Loader, NotLoadable


@dataclass(frozen=True)
class HeldMessage:
    """A message that is processed later."""

    landed: FileLanded
    due: datetime
    """The instant at which it is processed."""


@dataclass
class Phase2State:
    """Orders to the fake, and its record of messages; in the process's memory only."""

    behaviour: Behaviour
    held: list[HeldMessage] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True)
class Consumer:
    """The subscriber to messages about landed files."""

    state: Phase2State
    loader: Loader
    receipts: Receipts
    event_time: bool
    """Whether the instants of receipts are the events' and not the clock's."""

    def receive(self, landed: FileLanded, now: datetime) -> None:
        """Deal with a message as told; it is dealt with when this returns.

        Raises:
            NotLoadable: it can never be loaded.
            Unavailable: to be delivered again.
        """
        at = (landed.event_time or landed.landed_at) if self.event_time else now
        behaviour = self.state.behaviour
        match fate(landed, behaviour):
            case Fate.DROP:
                self.state.counts["dropped"] += 1
            case Fate.DELAY:
                with self.state.lock:
                    self.state.held.append(
                        HeldMessage(landed, at + timedelta(seconds=behaviour.delay_seconds))
                    )
                self.state.counts["held"] += 1
            case Fate.FAIL if self._fails(landed, behaviour.fail_times):
                self.state.counts["failed"] += 1
                raise Unavailable("told to fail")
            case _:
                self._process(landed, at)

    def release(self, until: datetime | None, now: datetime) -> int:
        """Process what is held and due by `until`, all without one; return how many messages that were.

        Raises:
            Unavailable: the message at which it failed and those after it are still held.
        """
        with self.state.lock:
            due = [item for item in self.state.held if until is None or item.due <= until]
            for item in sorted(due, key=lambda item: item.due):
                try:
                    self._process(item.landed, item.due if self.event_time else now)
                except NotLoadable:  # its message is acknowledged, so there is nothing left to reject
                    self.state.counts["rejected"] += 1
                self.state.held.remove(item)
            return len(due)

    def _fails(self, landed: FileLanded, times: int | None) -> bool:
        with self.state.lock:
            message = (landed.gcs_path, landed.republish)
            self.state.failures[message] += 1
            return times is None or self.state.failures[message] <= times

    def _process(self, landed: FileLanded, at: datetime) -> None:
        records = self.loader.load(landed, at)
        self.receipts.processed(landed, row_count=records, processed_at=at)
        self.state.counts["processed"] += 1

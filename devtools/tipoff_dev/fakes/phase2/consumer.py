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
class Told:
    """What the fake is told, and what it has done; a process's memory."""

    behaviour: Behaviour
    held: list[HeldMessage] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)


@dataclass(frozen=True)
class Consumer:
    """What takes the messages of landed files."""

    told: Told
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
        behaviour = self.told.behaviour
        match fate(landed, behaviour):
            case Fate.DROP:
                self.told.counts["dropped"] += 1
            case Fate.DELAY:
                with self.told.lock:
                    self.told.held.append(
                        HeldMessage(landed, at + timedelta(seconds=behaviour.delay_seconds))
                    )
                self.told.counts["held"] += 1
            case Fate.FAIL if self._fails(landed, behaviour.fail_times):
                self.told.counts["failed"] += 1
                raise Unavailable("told to fail")
            case _:
                self._process(landed, at)

    def release(self, until: datetime | None, now: datetime) -> int:
        """Process what is held and due by `until`, all without one; return how many messages that were.

        Raises:
            Unavailable: the message at which it failed and those after it are still held.
        """
        with self.told.lock:
            due = [item for item in self.told.held if until is None or item.due <= until]
            for item in sorted(due, key=lambda item: item.due):
                try:
                    self._process(item.landed, item.due if self.event_time else now)
                except NotLoadable:  # its message is acknowledged, so there is nothing left to reject
                    self.told.counts["rejected"] += 1
                self.told.held.remove(item)
            return len(due)

    def _fails(self, landed: FileLanded, times: int | None) -> bool:
        with self.told.lock:
            message = (landed.gcs_path, landed.republish)
            self.told.failures[message] += 1
            return times is None or self.told.failures[message] <= times

    def _process(self, landed: FileLanded, at: datetime) -> None:
        records = self.loader.load(landed, at)
        self.receipts.processed(landed, row_count=records, processed_at=at)
        self.told.counts["processed"] += 1

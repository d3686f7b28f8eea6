"""The consumer of messages: each is processed, dropped, held or refused."""

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
    """The earliest instant of its processing."""


@dataclass
class Phase2State:
    """The fake's behaviour and its record of messages, in the process's memory only."""

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
    """Whether receipts have the events' instants and not the clock's."""

    def receive(self, landed: FileLanded, now: datetime) -> None:
        """Process, drop, hold or refuse a message; when the method returns, the message can be acknowledged.

        Raises:
            NotLoadable: the file can never be loaded.
            Unavailable: the message must be delivered again.
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
                raise Unavailable("set to fail")
            case _:
                self._process(landed, at)

    def release(self, until: datetime | None, now: datetime) -> int:
        """Process the held messages due by `until`, or all if it is None; return the number of messages.

        Raises:
            Unavailable: a message failed; that message and the later ones are still held.
        """
        with self.state.lock:
            due = [item for item in self.state.held if until is None or item.due <= until]
            for item in sorted(due, key=lambda item: item.due):
                try:
                    self._process(item.landed, item.due if self.event_time else now)
                except NotLoadable:  # the message is already acknowledged, so it cannot be rejected
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

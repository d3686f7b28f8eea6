"""Dependencies of the controller's handlers."""

import threading
from dataclasses import dataclass, field
from datetime import time, timedelta

from tipoff_common.ports import Warehouse
from tipoff_common.publisher import Publisher
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.verdict import LOCKS_AT
from tipoff_planning.workflows import Configuration

# Pub/Sub repeats a delivery within minutes; a thousand ticks and runs span days.
_REMEMBERED = 1_000


class Once:
    """The newest keys that this process has handled, so that a repeated delivery is published once.

    Another process may publish again, which at-least-once delivery allows.
    """

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        # Deliveries run in threads: without the lock, two of them could delete the same oldest key.
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._seen

    def add(self, key: str) -> None:
        """Remember a key."""
        with self._lock:
            self._seen[key] = None
            # A dict keeps the order of insertion, so its first key is the oldest.
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]


@dataclass(frozen=True)
class Deps:
    """Dependencies of the controller's handlers."""

    environment: str
    configuration: Configuration
    calendar: LandedCalendar
    ledger: Ledger
    occurrences: OccurrenceStore
    discovery: DiscoveryStore
    pauses: PauseStore
    warehouse: Warehouse
    publisher: Publisher
    evaluated_every: timedelta = timedelta(minutes=15)
    """Interval between evaluations of all workflows; between two of them only learned checks and fast workflows run."""
    locks_at: time = LOCKS_AT
    """Time of day, in the fleet's zone, of the tick that locks the day's schedule."""
    published: Once = field(default_factory=Once)
    """Ticks whose batches or aborts this process has published, and dead requests whose failures it has published."""

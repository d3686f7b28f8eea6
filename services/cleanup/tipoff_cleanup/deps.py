"""The dependencies and instants of a cleanup run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.losses import LossRule
from tipoff_cleanup.memory import CleanupMemory
from tipoff_common.catalog import ScraperSpec
from tipoff_common.ports import Objects
from tipoff_common.publisher import Publisher


@dataclass(frozen=True)
class Deps:
    """Dependencies of a run."""

    environment: str
    lookback: timedelta
    """How far back landed files are compared with receipts."""
    rule: LossRule
    pubsub_enabled: bool
    """False for a dry run, which publishes and marks nothing."""
    catalog: Mapping[str, ScraperSpec]
    memory: CleanupMemory
    dataset: FileDataset
    data: Objects
    publisher: Publisher
    monotonic: Callable[[], float] = time.monotonic
    """The clock for the run's duration."""


@dataclass(frozen=True)
class Instants:
    """Instants of one run."""

    tick: datetime
    """Identifies the run."""
    now: datetime
    """The instant from which the run computes ages."""
    event_time: datetime | None
    """The same as `now` when a day is replayed, else None; published events have it."""

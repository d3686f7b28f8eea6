"""What a cleanup run works with, and what it puts down as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tipoff_cleanup.dataset import Dataset
from tipoff_cleanup.losses import Rule
from tipoff_cleanup.memory import Memory
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import Finding
from tipoff_common.ports import Objects
from tipoff_common.publisher import Publisher


@dataclass(frozen=True)
class Deps:
    environment: str
    lookback: timedelta
    rule: Rule
    pubsub_enabled: bool
    catalog: Mapping[str, ScraperSpec]
    memory: Memory
    dataset: Dataset
    data: Objects
    publisher: Publisher


@dataclass(frozen=True)
class Instants:
    """tick: what identifies the run. now: the instant that it judges by. event_time: the same, when a day is
    replayed."""

    tick: datetime
    now: datetime
    event_time: datetime | None


@dataclass
class Report:
    """What a run found so far; the row says it even when the run fails later."""

    errors: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def found(self, kind: str, gcs_path: str, detail: str) -> None:
        self.findings.append(Finding(kind=kind, gcs_path=gcs_path, detail=detail))

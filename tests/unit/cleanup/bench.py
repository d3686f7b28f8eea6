"""Test bench for cleanup: a bucket, a dataset with late rows, and cleanup runs over both."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.support.samples import GAME_DATE, NOON, tick
from tests.support.scrapers import spec_data
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.losses import LoggedFile, LossRule
from tipoff_cleanup.memory import CleanupMemory
from tipoff_common.catalog import ScraperSpec
from tipoff_common.clock import CLOCKS_AGREE_WITHIN
from tipoff_common.events import CleanupCompleted, FileLanded, TickFired
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.identity import content_hash
from tipoff_common.ports import ObjectInfo, Parameter, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUARTER = 15 * MINUTE
RULE = LossRule(
    lost_after=6 * HOUR,
    grace=30 * MINUTE,
    behind_after=HOUR,
    backoff=30 * MINUTE,
    max_republishes=3,
    storm_files=50,
    storm_share=0.25,
)
SPEC = ScraperSpec.model_validate(spec_data("lines"))
FOLDER = f"fixtures/lines/{GAME_DATE}"


def body(name: str) -> bytes:
    """Return the content of a file of three records."""
    return json.dumps({"scraper": "lines", "game_date": str(GAME_DATE), "records": [name, 2, 3]}).encode()


def path(name: str) -> str:
    return f"gs://data/{FOLDER}/{content_hash(body(name))[:16]}.json"


def file(name: str, minutes_ago: float, **changes: Any) -> LoggedFile:
    """Return a file that landed `minutes_ago` minutes before noon."""
    digest, at = content_hash(body(name)), NOON - timedelta(minutes=minutes_ago)
    sample = LoggedFile(path(name), "lines", "w", GAME_DATE, f"e-{name}", digest, at)
    return replace(sample, **changes)


@dataclass(frozen=True)
class Receipt:
    """The receipt of one file."""

    processed_at: datetime
    seen_at: datetime
    """Instant from which on the dataset returns its row."""


@dataclass
class Bucket(MemoryObjects):
    """A bucket that lists its calls."""

    calls: list[str] = field(default_factory=list)

    def get(self, name: str) -> bytes | None:
        self.calls.append(f"get {name}")
        return super().get(name)

    def info(self, name: str) -> ObjectInfo | None:
        self.calls.append(f"info {name}")
        return super().info(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.calls.append(f"list {prefix}")
        return super().list(prefix)


@dataclass
class World:
    """Bucket, dataset, memory and bus of a cleanup service."""

    files: list[LoggedFile] = field(default_factory=list)
    """Landed files of the execution log."""
    receipts: dict[str, Receipt] = field(default_factory=dict)
    """Receipts by path."""
    rows: list[ExecutionRow] = field(default_factory=list)
    """Other executions of the log."""
    unreadable: str | None = None
    cleanup_rows_late: timedelta = timedelta(0)
    clock_ahead: timedelta = timedelta(0)
    """Amount by which cleanup's own clock is ahead."""
    pubsub_enabled: bool = True
    rule: LossRule = RULE
    catalog: dict[str, ScraperSpec] = field(default_factory=lambda: {SPEC.name: SPEC})
    bus: RecordingBus = field(default_factory=RecordingBus)
    state: MemoryObjects = field(default_factory=MemoryObjects)
    data: Bucket = field(default_factory=lambda: Bucket("data"))
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    queries: list[str] = field(default_factory=list)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.warehouse.answer = self._answer
        for landed in self.files:
            self.keep(landed)

    def keep(self, landed: LoggedFile) -> None:
        """Put the object of a landed file into the bucket."""
        self.data.bodies[landed.gcs_path.removeprefix("gs://data/")] = body(landed.execution_id[2:])

    def land(self, *files: LoggedFile) -> None:
        self.files.extend(files)
        for landed in files:
            self.keep(landed)

    def receive(self, *names: str, at: datetime = NOON - 40 * MINUTE, late: timedelta = timedelta(0)) -> None:
        for name in names:
            self.receipts[path(name)] = Receipt(at, at + late)

    @property
    def deps(self) -> Deps:
        return Deps(
            environment="local",
            lookback=DAY,
            rule=self.rule,
            pubsub_enabled=self.pubsub_enabled,
            catalog=self.catalog,
            memory=CleanupMemory(self.state),
            dataset=FileDataset(self.warehouse, "local"),
            data=self.data,
            publisher=Publisher("cleanup", self.bus),
        )

    def run(self, at: datetime = NOON, event: TickFired | None = None) -> CleanupCompleted:
        """Deliver one tick and return the run that cleanup published for it."""
        self.now = at
        run_cleanup(event or tick(tick="cleanup"), at, self.deps, at + self.clock_ahead)
        completed: CleanupCompleted = self.bus.of(CleanupCompleted)[-1]
        return completed

    @property
    def republished(self) -> list[str]:
        return [event.gcs_path for event in self.bus.of(FileLanded)]

    def _answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.queries.append(sql)
        if self.unreadable and self.unreadable in sql:
            raise Unavailable(f"{self.unreadable} cannot be read")
        given: Any = parameters
        seen = {name: receipt for name, receipt in self.receipts.items() if receipt.seen_at <= self.now}
        named = {landed.gcs_path for landed in self.files}
        if "overtaken_before" in sql:
            return self._files(given["since"], given["now"], given["settled"], seen)
        if "AS received\nLEFT JOIN" in sql:
            return [
                {"gcs_path": name, "processed_at": receipt.processed_at}
                for name, receipt in seen.items()
                if name not in named and receipt.processed_at <= given["settled"]
            ]
        if "SELECT execution_id" in sql:
            return [row.model_dump() for row in self.rows if row.execution_id in given["ids"]]
        known = seen if "file_receipts" in sql else named
        return [{"gcs_path": name} for name in given["paths"] if name in known]

    def _files(
        self, since: datetime, now: datetime, settled: datetime, seen: Mapping[str, Receipt]
    ) -> list[dict[str, Any]]:
        landed = [item for item in self.files if since <= item.landed_at <= now]
        waiting = sorted(
            (item for item in landed if item.gcs_path not in seen), key=lambda item: item.landed_at
        )
        proofs = [
            item.landed_at
            for item in landed
            if item.gcs_path in seen
            and seen[item.gcs_path].processed_at >= item.landed_at - CLOCKS_AGREE_WITHIN
            and max(seen[item.gcs_path].processed_at, item.landed_at) <= settled
        ]
        runs = [
            event.cleanup_time
            for event in self.bus.of(CleanupCompleted)
            if event.cleanup_time < now and event.cleanup_time + self.cleanup_rows_late <= now
        ]
        overview = {
            "files": len(landed),
            "waiting": len(waiting),
            "receipts": len(seen),
            "overtaken_before": max(proofs, default=None),
            "last_cleanup": max(runs, default=None),
        }
        nothing = dict.fromkeys(asdict(file("-", 0)))
        return [{**overview, **row} for row in ([asdict(item) for item in waiting] or [nothing])]

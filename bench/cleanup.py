"""Growth of cleanup's time, memory and calls from 10,000 to 100,000 landed files, 50 of them without a receipt.

    python -m bench.cleanup [--files 10000 100000] [--missing 50] [--new 100] [--json]

Executions and receipts are in the embedded warehouse, queried through Google's client. The buckets are in memory and
count the calls that Cloud Storage would get: a listing is one call for each 1,000 objects. The lookback of 24 hours
holds all the files, and the bucket has as many again from the month before. Three runs are measured: the first ever, to
which every file is new; the next, after `--new` more files; and a third without new files. Each runs twice, once for
the time and once for the peak of memory: tracing memory makes a run several times slower.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.buckets import CountedObjects
from bench.command import Figures, run
from bench.embedded import EmbeddedWarehouse, embedded_warehouse, statements
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.memory import CleanupMemory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import business_date
from tipoff_common.events import CleanupCompleted, Tick, TickFired
from tipoff_common.files import journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.ports import Parameter
from tipoff_common.publisher import Publisher
from tipoff_common.rows import cleanup_row
from tipoff_common.testing import MemoryWarehouse, RecordingBus
from tipoff_dev.stack.layout import DATA_BUCKET

NOW = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ROOT = "nba-com/injury-report"
LANDED, RECEIVED = statements("files")


class CleanupBench:
    """A cleanup over a dataset and buckets of a given size."""

    def __init__(self, embedded: EmbeddedWarehouse, files: int, missing: int) -> None:
        self.embedded, self.every = embedded, files // missing
        self.millis = timedelta(hours=22) / timedelta(milliseconds=1) / files
        self.data, self.state, self.bus = CountedObjects(DATA_BUCKET), CountedObjects(), RecordingBus()
        self.warehouse, self.queries, self.rows = embedded.adapter(), 0, 0
        settings = CleanupSettings.model_construct()
        self.deps = Deps(
            environment="local",
            lookback=settings.lookback,
            rule=settings.rule,
            pubsub_enabled=True,
            catalog=load_catalog(SCRAPERS),
            memory=CleanupMemory(self.state),
            dataset=FileDataset(MemoryWarehouse(answer=self.query), "local"),
            data=self.data,
            publisher=Publisher("cleanup", self.bus),
        )
        self.land(1, files, NOW - timedelta(hours=1))
        for number in range(files):
            day = business_date(NOW) - timedelta(days=2 + number % 30)
            self.put(f"{ROOT}/{day}/old{number}.json", NOW - timedelta(days=30))

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Query the warehouse, and count queries and rows."""
        found = self.warehouse.query(sql, parameters)
        self.queries += 1
        self.rows += len(found)
        return found

    def put(self, name: str, at: datetime, body: bytes = b"") -> None:
        """Put an object into the data bucket, written at an instant."""
        self.data.now = at
        self.data.put(name, body, content_type="application/json")

    def land(self, first: int, last: int, until: datetime) -> None:
        """Add files number `first` to `last`, back in time from `until`, to log, receipts and bucket."""
        folder = f"gs://{DATA_BUCKET}/{ROOT}/"
        self.embedded.ask(LANDED, folder=folder, until=until, millis=self.millis, first=first, last=last)
        self.embedded.ask(RECEIVED, every=self.every)
        for number in range(first, last + 1):
            at = until - timedelta(milliseconds=int(number * self.millis))
            day = business_date(at)
            body = (
                f'{{"scraper": "nbac_injury_report", "game_date": "{day}", "records": [{number}]}}'.encode()
            )
            name = f"{ROOT}/{day}/{content_hash(body)[:16]}.json"
            self.put(name, at, body)
            self.put(journal_entry(name, at), at)

    def run(self, at: datetime, *, traced: bool) -> dict[str, Any]:
        """Run cleanup once; return its counts, and the peak of memory when it is traced, else the seconds."""
        self.data.reset()
        self.state.reset()
        self.queries = self.rows = 0
        took = self.peak(at) if traced else self.seconds(at)
        completed = self.bus.of(CleanupCompleted)[-1]
        self.warehouse.append("cleanup_operations", [cleanup_row(completed, at)], [completed.id])
        lists = self.data.calls["", "list"]
        return {
            "files": completed.files_checked,
            "missing": completed.missing_files_found,
            "republished": completed.republished_count,
            "errors": len(completed.errors),
            **took,
            "queries": self.queries,
            "rows_read": self.rows,
            "data_lists": lists,
            "data_other": self.data.calls.total() - lists,
            "state_calls": self.state.calls.total(),
        }

    def clean(self, at: datetime) -> None:
        """Run cleanup for the tick of an instant."""
        run_cleanup(TickFired(tick=Tick.CLEANUP, event_time=None), at, self.deps, at)

    def seconds(self, at: datetime) -> dict[str, float]:
        """Clean and measure the time."""
        started = time.perf_counter()
        self.clean(at)
        return {"seconds": round(time.perf_counter() - started, 2)}

    def peak(self, at: datetime) -> dict[str, float]:
        """Clean and measure the peak of memory."""
        tracemalloc.start()
        try:
            self.clean(at)
            return {"peak_mib": round(tracemalloc.get_traced_memory()[1] / 2**20, 1)}
        finally:
            tracemalloc.stop()


def measure(embedded: EmbeddedWarehouse, files: int, missing: int, new: int) -> dict[str, dict[str, Any]]:
    """Measure a first run, a run after new files, and a run without new files."""
    timed, traced = (runs(embedded, files, missing, new, traced=traced) for traced in (False, True))
    # The calls are the same in both.
    return {f"{files:,} files, {run}": timed[run] | traced[run] for run in timed}


def runs(
    embedded: EmbeddedWarehouse, files: int, missing: int, new: int, *, traced: bool
) -> dict[str, dict[str, Any]]:
    """Empty the dataset, and run cleanup three times."""
    for table in ("scraper_execution_log", "file_receipts", "cleanup_operations"):
        embedded.ask(f"DELETE FROM nba_orchestration.{table} WHERE TRUE")  # noqa: S608  # tables of our own
    bench = CleanupBench(embedded, files, missing)
    found = {"first run": bench.run(NOW, traced=traced)}
    # Republished files get no receipts, so that the next runs find them missing as well.
    bench.land(files + 1, files + new, NOW - timedelta(minutes=20) + timedelta(hours=22))
    found[f"next, {new} new"] = bench.run(NOW + QUARTER, traced=traced)
    found["next, nothing new"] = bench.run(NOW + 2 * QUARTER, traced=traced)
    return found


def main(files: Sequence[int] = (10_000, 100_000), missing: int = 50, new: int = 100) -> Figures:
    """Measure."""
    found: dict[str, Any] = {}
    with embedded_warehouse() as embedded:
        for number in files:
            found |= measure(embedded, number, missing, new)
    return {"run": found}


if __name__ == "__main__":
    run(main)

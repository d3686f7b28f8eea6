"""Cleanup runs over 10,000 and over 100,000 landed files of which 50 have no receipt: what grows, and with what.

    python bench/cleanup.py [--files 10000 100000] [--missing 50] [--new 100] [--json]

Executions and receipts are in the embedded warehouse and asked for through Google's client; the buckets are in memory
and count what Cloud Storage would be asked: a listing is one call for each 1,000 objects. The lookback of 24 hours
holds all the files, and as many again lie in the bucket from the month before. Three runs are measured: the first
ever, to which every file is new; the next, after `--new` files more; and one after which nothing is new.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import tracemalloc
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.cloud import bigquery

from arguments import bench_parser
from gcp_emulators.testing import free_port
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.memory import CleanupMemory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_cli.checkout import REPOSITORY
from tipoff_cli.commands.tables import SCHEMAS, embedded_client
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.binding import Envelope
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import business_date
from tipoff_common.events import CleanupCompleted, Tick, TickFired
from tipoff_common.files import journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.ports import ObjectInfo, Parameter
from tipoff_common.publisher import Publisher
from tipoff_common.rows import cleanup_row
from tipoff_dataset.deploy import deploy
from tipoff_dev.stack.layout import DATA_BUCKET, HOST, PROJECT
from tipoff_dev.stack.processes import Processes, Program
from views import wait_for

NOW = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ROOT = "nba-com/injury-report"
PAGE = 1_000
RETRY = bigquery.DEFAULT_RETRY.with_timeout(300)
LANDED = """
INSERT INTO nba_orchestration.scraper_execution_log (
  execution_id, request_id, event_id, scraper_name, workflow, game_date, status, triggered_at, completed_at, source,
  environment, gcs_path, data_summary, created_at
)
SELECT
  CAST(n AS STRING), CAST(n AS STRING), CAST(n AS STRING), 'nbac_injury_report', 'w', day, 'success', at, at,
  'CONTROLLER', 'local', CONCAT(@folder, CAST(day AS STRING), '/', SUBSTR(digest, 1, 16), '.json'),
  PARSE_JSON(CONCAT('{"record_count": 1, "content_sha256": "', digest, '"}')), at
FROM (
  SELECT
    n, at, day,
    TO_HEX(SHA256(CONCAT(
      '{"scraper": "nbac_injury_report", "game_date": "', CAST(day AS STRING), '", "records": [', CAST(n AS STRING),
      ']}'
    ))) AS digest
  FROM (
    SELECT n, at, DATE(at, 'America/New_York') AS day
    FROM (SELECT n, TIMESTAMP_SUB(@until, INTERVAL CAST(n * @millis AS INT64) MILLISECOND) AS at
          FROM UNNEST(GENERATE_ARRAY(@first, @last)) AS n)
  )
)
"""
RECEIVED = """
INSERT INTO nba_orchestration.file_receipts (gcs_path, processor, processed_at, environment, created_at, event_id)
SELECT gcs_path, 'p', TIMESTAMP_ADD(triggered_at, INTERVAL 1 MINUTE), 'local', triggered_at, gcs_path
FROM nba_orchestration.scraper_execution_log
WHERE gcs_path NOT IN (SELECT gcs_path FROM nba_orchestration.file_receipts)
  AND MOD(CAST(execution_id AS INT64), @every) != @every - 1
"""


@dataclass
class Bucket:
    """Objects by name with the instants at which they were written; counts the calls."""

    bucket: str
    written: dict[str, datetime] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    bodies: dict[str, tuple[bytes, Mapping[str, str]]] = field(default_factory=dict)

    def add(self, name: str, at: datetime) -> None:
        """Put an object there, written at an instant."""
        self.written[name] = at
        self.names.clear()

    def create(self, name: str, body: bytes, *, metadata: Mapping[str, str] = {}) -> bool:
        """See `Objects.create`."""
        self.calls["create"] += 1
        if name in self.bodies:
            return False
        self.bodies[name] = (body, metadata)
        self.add(name, NOW)
        return True

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        self.calls["get"] += 1
        return self.bodies[name][0] if name in self.bodies else None

    def info(self, name: str) -> ObjectInfo | None:
        """See `Objects.info`."""
        self.calls["info"] += 1
        return self._info(name) if name in self.written else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        self.names = self.names or sorted(self.written)
        names, start = self.names, bisect_left(self.names, prefix)
        self.calls["list"] += 1
        for place in range(start, len(names)):
            if not names[place].startswith(prefix):
                return
            if place > start and (place - start) % PAGE == 0:
                self.calls["list"] += 1
            yield self._info(names[place])

    def put(self, *_: Any, **__: Any) -> None:
        """Refuse: cleanup only reads the data bucket."""
        raise NotImplementedError("cleanup only reads the data bucket")

    put_chunks = put

    def check(self) -> None:
        """Do nothing: it is always there."""

    def _info(self, name: str) -> ObjectInfo:
        metadata = self.bodies[name][1] if name in self.bodies else {}
        return ObjectInfo(name, 1, self.written[name], metadata)


@dataclass
class CountedWarehouse:
    """The warehouse; counts its queries and the rows that they give."""

    warehouse: BigQueryWarehouse
    queries: int = 0
    rows: int = 0

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Query, and count queries and rows."""
        found = self.warehouse.query(sql, parameters)
        self.queries += 1
        self.rows += len(found)
        return found

    def append(self, *_: Any, **__: Any) -> None:
        """Refuse: only the logger writes rows."""
        raise NotImplementedError("only the logger writes rows")

    pages = append

    def check(self) -> None:
        """Do nothing: it is always there."""


class KeptEvents:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[Any] = []

    def publish(self, envelopes: Any) -> None:
        """Keep the events of the envelopes."""
        self.published += [envelope.payload for envelope in envelopes if isinstance(envelope, Envelope)]

    def check(self) -> None:
        """Do nothing: it is always there."""


class CleanupBench:
    """A cleanup over a dataset and buckets of a given size."""

    def __init__(self, client: bigquery.Client, url: str, files: int, missing: int) -> None:
        self.client, self.every, self.last = client, files // missing, files
        self.millis = timedelta(hours=22) / timedelta(milliseconds=1) / files
        self.data, self.state, self.bus = Bucket(DATA_BUCKET), Bucket("state"), KeptEvents()
        self.warehouse = CountedWarehouse(BigQueryWarehouse(PROJECT, url))
        settings = CleanupSettings.model_construct()
        self.deps = Deps(
            environment="local",
            lookback=settings.lookback,
            rule=settings.rule,
            pubsub_enabled=True,
            catalog=load_catalog(REPOSITORY / "services/scraper-runner/scrapers"),
            memory=CleanupMemory(self.state),
            dataset=FileDataset(self.warehouse, "local"),
            data=self.data,
            publisher=Publisher("cleanup", self.bus),
        )
        self.land(1, files, NOW - timedelta(hours=1))
        for number in range(files):
            day = business_date(NOW) - timedelta(days=2 + number % 30)
            self.data.add(f"{ROOT}/{day}/old{number}.json", NOW - timedelta(days=30))

    def land(self, first: int, last: int, until: datetime) -> None:
        """Add files number `first` to `last`, back in time from `until`, to log, receipts and bucket."""
        values = {"folder": f"gs://{DATA_BUCKET}/{ROOT}/", "until": until, "millis": self.millis}
        self.ask(LANDED, first=first, last=last, **values)
        self.ask(RECEIVED, every=self.every)
        for number in range(first, last + 1):
            at = until - timedelta(milliseconds=int(number * self.millis))
            day = business_date(at)
            body = (
                f'{{"scraper": "nbac_injury_report", "game_date": "{day}", "records": [{number}]}}'.encode()
            )
            name = f"{ROOT}/{day}/{content_hash(body)[:16]}.json"
            self.data.bodies[name] = (body, {})
            self.data.add(name, at)
            self.data.add(journal_entry(name, at), at)

    def ask(self, sql: str, **parameters: Any) -> None:
        """Run a statement with parameters."""
        kinds = {str: "STRING", int: "INT64", float: "FLOAT64", datetime: "TIMESTAMP"}
        config = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(name, kinds[type(value)], value)
                for name, value in parameters.items()
            ]
        )
        self.client.query_and_wait(sql, job_config=config, retry=RETRY, wait_timeout=300)

    def run(self, at: datetime) -> dict[str, Any]:
        """Run cleanup once; return what it took."""
        for counted in (self.data.calls, self.state.calls):
            counted.clear()
        self.warehouse.queries = self.warehouse.rows = 0
        tracemalloc.start()
        started = time.perf_counter()
        run_cleanup(TickFired(tick=Tick.CLEANUP, event_time=None), at, self.deps, at)
        seconds = time.perf_counter() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        completed = next(
            event for event in reversed(self.bus.published) if isinstance(event, CleanupCompleted)
        )
        row = cleanup_row(completed, at)
        self.warehouse.warehouse.append("cleanup_operations", [row], [completed.id])
        return {
            "files": completed.files_checked,
            "missing": completed.missing_files_found,
            "republished": completed.republished_count,
            "errors": list(completed.errors),
            "seconds": round(seconds, 2),
            "peak_mib": round(peak / 2**20, 1),
            "queries": self.warehouse.queries,
            "rows_read": self.warehouse.rows,
            "data_lists": self.data.calls["list"],
            "data_other": self.data.calls.total() - self.data.calls["list"],
            "state_calls": self.state.calls.total(),
        }


def measure(client: bigquery.Client, url: str, files: int, missing: int, new: int) -> list[dict[str, Any]]:
    """Measure a first run, one after new files, and one to which nothing is new."""
    for table in ("scraper_execution_log", "file_receipts", "cleanup_operations"):
        client.query_and_wait(f"DELETE FROM nba_orchestration.{table} WHERE TRUE", retry=RETRY)  # noqa: S608
    bench = CleanupBench(client, url, files, missing)
    first = bench.run(NOW)
    # The receipts of what was republished do not come, so that the next runs find it missing as well.
    bench.land(files + 1, files + new, NOW - timedelta(minutes=20) + timedelta(hours=22))
    second = bench.run(NOW + QUARTER)
    third = bench.run(NOW + 2 * QUARTER)
    names = ("first run", f"next, {new} new", "next, nothing new")
    return [{"run": name, **result} for name, result in zip(names, (first, second, third), strict=True)]


def show(results: Mapping[int, list[dict[str, Any]]]) -> None:
    """Print a row for each run."""
    columns = list(next(iter(results.values()))[0])
    lines = [
        columns,
        *([str(row[column]) for column in columns] for rows in results.values() for row in rows),
    ]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    small, large = min(results), max(results)
    if small != large:
        print(f"\ngrowth from {small:,} to {large:,} files")
        for before, after in zip(results[small], results[large], strict=True):
            ratios = {
                name: f"{after[name] / before[name]:.1f}x" if before[name] else "-"
                for name in (
                    "seconds",
                    "peak_mib",
                    "queries",
                    "rows_read",
                    "data_lists",
                    "data_other",
                    "state_calls",
                )
            }
            print(f"  {before['run']:<18}", "  ".join(f"{name} {ratio}" for name, ratio in ratios.items()))


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--missing", type=int, default=50)
    parser.add_argument("--new", type=int, default=100)
    arguments = parser.parse_args()
    ports = free_port(), free_port()
    url = f"http://{HOST}:{ports[0]}"
    os.environ["BIGQUERY_EMULATOR_HOST"] = url
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
        processes = Processes(Path(folder))
        try:
            options = ("--port", str(ports[0]), "--grpc-port", str(ports[1]), "--project", PROJECT)
            processes.start("bigquery", Program("gcp_emulators.bigquery", options, {}, Path(folder)))
            client = embedded_client(url, PROJECT)
            wait_for(client)
            deploy(client, SCHEMAS)
            results = {
                files: measure(client, url, files, arguments.missing, arguments.new)
                for files in arguments.files
            }
        finally:
            processes.stop()
    if arguments.json:
        print(json.dumps(results))
    else:
        show(results)


if __name__ == "__main__":
    main()

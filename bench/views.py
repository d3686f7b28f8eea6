"""Each view of the dataset on a million executions in the embedded warehouse, beside a plain aggregate of the table.

    python bench/views.py [--rows 1000000] [--runs 5] [--json]

The rows reach back over 81 days at one every seven seconds; a quarter as many decisions, a locked schedule a day and a
scan an hour stand beside them. Measured is the median time through Google's client, and the warehouse's CPU time,
which a busy neighbour disturbs less: of all rows of a view that sums up; of one that keeps a row an id, a count by
status, every column (the most that can be asked), one day of it, and the newest hundred rows whole. What it takes to
hand rows over rather than to find them is told by ten thousand rows of the table itself. The plain aggregate over the
same million rows is the price of reading the table once.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from google.cloud import bigquery

from arguments import bench_parser
from gcp_emulators.testing import free_port
from logger_throughput import cpu_seconds
from tipoff_cli.commands.tables import SCHEMAS, embedded_client
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import ordered_files
from tipoff_dev.stack.layout import HOST, PROJECT
from tipoff_dev.stack.processes import Processes, Program

TIMEOUT_SECONDS = 300.0
RETRY = bigquery.DEFAULT_RETRY.with_timeout(TIMEOUT_SECONDS)
PLAIN = "SELECT COUNT(*) AS n, SUM(duration_seconds) AS s FROM nba_orchestration.scraper_execution_log"
WHOLE = "SELECT * FROM nba_orchestration.scraper_execution_log"
EXECUTIONS = """
INSERT INTO nba_orchestration.scraper_execution_log (
  execution_id, request_id, event_id, decision_id, occurrence_id, scraper_name, workflow, game_date, status,
  triggered_at, completed_at, duration_seconds, source, environment, gcs_path, data_summary, error_type, error_message,
  retry_count, attempt, recovery, created_at
)
SELECT
  CONCAT('e', CAST(n AS STRING)), CONCAT('e', CAST(n AS STRING)), CONCAT('e', CAST(n AS STRING)),
  CONCAT('d', CAST(DIV(n, 4) AS STRING)), CONCAT('o', CAST(DIV(n, 4) AS STRING)),
  CONCAT('scraper_', CAST(MOD(n, 47) AS STRING)), CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)),
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 7 SECOND), 'America/New_York'),
  CASE WHEN MOD(n, 10) < 6 THEN 'success' WHEN MOD(n, 10) < 9 THEN 'no_data' ELSE 'failed' END,
  TIMESTAMP_SUB(@now, INTERVAL n * 7 SECOND), TIMESTAMP_SUB(@now, INTERVAL n * 7 - 2 SECOND), 2.0, 'CONTROLLER', 'prod',
  IF(MOD(n, 10) < 6, CONCAT('gs://bucket/', CAST(n AS STRING)), NULL), JSON '{"record_count": 12}',
  IF(MOD(n, 10) = 9, 'http', NULL), IF(MOD(n, 10) = 9, '503', NULL), 0, 1, FALSE, @now
FROM UNNEST(GENERATE_ARRAY(1, @rows)) AS n
"""
DECISIONS = """
INSERT INTO nba_orchestration.workflow_decisions (
  decision_id, event_id, occurrence_id, decision_time, workflow_name, action, reason, reason_code, scrapers_triggered,
  priority, alert_level, environment, created_at
)
SELECT
  CONCAT('d', CAST(n AS STRING)), CONCAT('d', CAST(n AS STRING)), CONCAT('o', CAST(n AS STRING)),
  TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)),
  IF(MOD(n, 3) = 0, 'RUN', 'SKIP'), 'because', 'due', ['scraper_1'], 'HIGH', 'NONE', 'prod', @now
FROM UNNEST(GENERATE_ARRAY(1, DIV(@rows, 4))) AS n
"""
SCHEDULE = """
INSERT INTO nba_orchestration.daily_expected_schedule (
  schedule_row_id, event_id, occurrence_id, date, locked_at, workflow_name, expected_run_time, deadline, reason,
  scrapers, schedule_version, state, game_date, subject, environment, created_at
)
SELECT
  CONCAT('r', CAST(n AS STRING)), CONCAT('r', CAST(n AS STRING)), CONCAT('o', CAST(n AS STRING)),
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), 'America/New_York'), TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND),
  CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)), TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND),
  TIMESTAMP_ADD(@now, INTERVAL 1 HOUR), 'expected', [CONCAT('scraper_', CAST(MOD(n, 47) AS STRING))], 'v1', 'EXPECTED',
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), 'America/New_York'), '-', 'prod', @now
FROM UNNEST(GENERATE_ARRAY(1, DIV(@rows, 4), 20)) AS n
"""
SCANS = """
INSERT INTO nba_orchestration.cleanup_operations (
  cleanup_id, event_id, cleanup_time, files_checked, missing_files_found, missing_files, errors, environment, created_at
)
SELECT
  CONCAT('c', CAST(n AS STRING)), CONCAT('c', CAST(n AS STRING)), TIMESTAMP_SUB(@now, INTERVAL n HOUR), 1, 1,
  [STRUCT('scraper_1' AS scraper_name, CONCAT('gs://bucket/', CAST(n AS STRING)) AS gcs_path,
    TIMESTAMP_SUB(@now, INTERVAL 300 MINUTE) AS triggered_at, 300 AS age_minutes, FALSE AS republished)],
  ARRAY<STRING>[], 'prod', @now
FROM UNNEST(GENERATE_ARRAY(0, 2000)) AS n
"""


def ask(client: bigquery.Client, sql: str, rows: int | None = None) -> list[bigquery.Row]:
    """Run a statement over so many rows."""
    config = bigquery.QueryJobConfig()
    if rows is not None:
        config.query_parameters = [
            bigquery.ScalarQueryParameter("rows", "INT64", rows),
            bigquery.ScalarQueryParameter(
                "now", "TIMESTAMP", time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime())
            ),
        ]
    return list(
        client.query(sql, job_config=config, retry=RETRY).result(retry=RETRY, timeout=TIMEOUT_SECONDS)
    )


BY_ID = {"v_executions": "status", "v_decisions": "action", "v_expected_schedule": "state"}
"""The views that keep a row an id, with what people group them by."""


DAY_OF = {
    "v_executions": "triggered_at",
    "v_decisions": "decision_time",
    "v_expected_schedule": "expected_run_time",
}
HANDED_OVER = 10_000


def questions(client: bigquery.Client, view: str) -> dict[str, str]:
    """Return what is asked of a view, by the name it is printed under."""
    table = f"nba_orchestration.{view}"
    if view not in BY_ID:
        return {view: f"SELECT * FROM {table}"}  # noqa: S608
    looks = ", ".join(f"COUNT({field.name}) AS {field.name}" for field in client.get_table(table).schema)
    group, instant = BY_ID[view], DAY_OF[view]
    day = f"DATE({instant}) = DATE_SUB(CURRENT_DATE(), INTERVAL 3 DAY)"
    return {
        f"{view}, by {group}": f"SELECT {group}, COUNT(*) AS n FROM {table} GROUP BY {group}",  # noqa: S608
        f"{view}, every column": f"SELECT COUNT(*) AS n, {looks} FROM {table}",  # noqa: S608
        f"{view}, one day by {group}": f"SELECT {group}, COUNT(*) AS n FROM {table} WHERE {day} GROUP BY {group}",  # noqa: S608
        f"{view}, newest 100": f"SELECT * FROM {table} ORDER BY {instant} DESC LIMIT 100",  # noqa: S608
    }


@dataclass(frozen=True)
class ViewTimes:
    """The number of rows of the answer, and the median seconds of the clock and of the warehouse's CPU."""

    rows: int
    seconds: float
    cpu: float


def measure(client: bigquery.Client, warehouse: int, sql: str, runs: int) -> ViewTimes:
    """warehouse: its process id."""
    seconds, cpu, rows = [], [], 0
    for _ in range(runs):
        begun, before = time.perf_counter(), cpu_seconds(warehouse)
        rows = len(ask(client, sql))
        seconds.append(time.perf_counter() - begun)
        cpu.append(cpu_seconds(warehouse) - before)
    return ViewTimes(rows, statistics.median(seconds), statistics.median(cpu))


def wait_for(client: bigquery.Client) -> None:
    """Wait until the warehouse answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            client.query_and_wait("SELECT 1", api_timeout=1, retry=None, job_retry=None)
        except Exception:  # whatever the client makes of a port that does not listen yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
        processes = Processes(Path(folder))
        try:
            options = ("--port", str(ports[0]), "--grpc-port", str(ports[1]), "--project", PROJECT)
            warehouse = processes.start(
                "bigquery", Program("gcp_emulators.bigquery", options, {}, Path(folder))
            )
            client = embedded_client(f"http://{HOST}:{ports[0]}", PROJECT)
            wait_for(client)
            deploy(client, SCHEMAS)
            for statement in (EXECUTIONS, DECISIONS, SCHEDULE, SCANS):
                ask(client, statement, arguments.rows)
            pid = warehouse.process.pid
            plain = measure(client, pid, PLAIN, arguments.runs)
            views = [path.stem for path in ordered_files(SCHEMAS) if path.stem.startswith("v_")]
            asked = {f"{HANDED_OVER:,} rows of the table, handed over": f"{WHOLE} LIMIT {HANDED_OVER}"}
            for view in views:
                asked |= questions(client, view)
            found = {name: measure(client, pid, sql, arguments.runs) for name, sql in asked.items()}
        finally:
            processes.stop()
    if arguments.json:
        timed = {name: asdict(one) for name, one in found.items()}
        print(json.dumps({"rows": arguments.rows, "plain": asdict(plain), "views": timed}))
        return
    print(
        f"{arguments.rows:,} executions, median of {arguments.runs}{'rows':>20}{'ms':>8}{'CPU ms':>8}{'ratio':>7}"
    )
    for name, one in {"one aggregate over the table": plain, **found}.items():
        ratio = one.seconds / plain.seconds
        print(f"{name:<46}{one.rows:>8,}{one.seconds * 1e3:>8.0f}{one.cpu * 1e3:>8.0f}{ratio:>7.1f}")


if __name__ == "__main__":
    main()

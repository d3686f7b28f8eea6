"""The embedded warehouse, and a million executions in it with what stands beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from google.cloud.bigquery import DEFAULT_RETRY, Client, QueryJobConfig, Row, ScalarQueryParameter

from gcp_emulators.testing import running
from tipoff_cli.commands.tables import embedded_client
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_dataset.deploy import deploy
from tipoff_dataset.files import SCHEMAS
from tipoff_dev.stack.layout import PROJECT

TIMEOUT_SECONDS = 300.0
_RETRY = DEFAULT_RETRY.with_timeout(TIMEOUT_SECONDS)
_EXECUTIONS = """
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
_DECISIONS = """
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
_SCHEDULE = """
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
_SCANS = """
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


@dataclass(frozen=True)
class EmbeddedWarehouse:
    """A running warehouse with the dataset deployed in it. process: the id of the server's."""

    process: int
    client: Client

    def ask(self, sql: str, **parameters: int | float | str | datetime) -> list[Row]:
        """Run a statement."""
        types: dict[type, str] = {int: "INT64", float: "FLOAT64", str: "STRING", datetime: "TIMESTAMP"}
        given = [ScalarQueryParameter(name, types[type(it)], it) for name, it in parameters.items()]
        job = self.client.query(sql, job_config=QueryJobConfig(query_parameters=given), retry=_RETRY)
        return list(job.result(retry=_RETRY, timeout=TIMEOUT_SECONDS))

    def fill(self, executions: int, environment: str = "prod") -> None:
        """Write so many executions, back in time from now at one every seven seconds, and what stands beside them."""
        for statement in (_EXECUTIONS, _DECISIONS, _SCHEDULE, _SCANS):
            self.ask(statement.replace("'prod'", f"'{environment}'"), rows=executions, now=datetime.now(UTC))

    def adapter(self) -> BigQueryWarehouse:
        """Return the warehouse as the services have it."""
        return BigQueryWarehouse(PROJECT, os.environ["BIGQUERY_EMULATOR_HOST"])


@contextmanager
def embedded_warehouse() -> Iterator[EmbeddedWarehouse]:
    """Start a warehouse, deploy the dataset, and end it with the block."""
    with running("bigquery", "--project", PROJECT) as emulator:
        variable, url = emulator.variable
        os.environ[variable] = url  # where the services' adapter looks for it
        client = embedded_client(url, PROJECT)
        deploy(client, SCHEMAS)
        yield EmbeddedWarehouse(emulator.process.pid, client)

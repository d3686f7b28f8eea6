"""Queries of the dataset about files and receipts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from tipoff_cleanup.losses import LoggedFile, Overview
from tipoff_common.clock import CLOCKS_AGREE_WITHIN
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.ports import Parameter, Warehouse

MOST_WAITING = 5_000
"""The most files without a receipt that one run reads; the oldest are read."""
MOST_UNKNOWN = 100
"""Receipts for unknown files that one run reads."""
BATCH = 500
"""Paths in the parameters of one query."""
# The expiry of the tables' partitions: there are no older rows.
RETENTION = timedelta(days=90)
"""How long the dataset keeps its rows."""

# Files with their receipts, both within the lookback, as of one instant. A path's first execution announced it, unless
# the file had already landed before the lookback: unchanged content is announced once. The old receipt of such a file
# shows that it was processed, but not that Phase 2 has worked since. So only a receipt from after the landing proves
# that Phase 2 has passed other files.
_FILES = f"""
WITH landed AS (
  SELECT
    gcs_path, scraper_name, workflow, game_date, execution_id,
    JSON_VALUE(data_summary, '$.content_sha256') AS content_sha256,
    COALESCE(completed_at, triggered_at) AS landed_at
  FROM nba_orchestration.scraper_execution_log
  WHERE DATE(triggered_at) BETWEEN DATE(@since) AND DATE(@now)
    AND triggered_at BETWEEN @since AND @now
    AND status = 'success'
    AND gcs_path IS NOT NULL
    AND environment = @environment
  QUALIFY ROW_NUMBER() OVER (PARTITION BY gcs_path ORDER BY triggered_at, execution_id, created_at) = 1
),
receipts AS (
  SELECT gcs_path, processed_at
  FROM nba_orchestration.file_receipts
  WHERE DATE(processed_at) >= DATE_SUB(DATE(@since), INTERVAL 1 DAY)
    AND environment = @environment
),
received AS (
  SELECT gcs_path, MIN(processed_at) AS processed_at
  FROM receipts
  GROUP BY gcs_path
),
known AS (
  SELECT landed.*, received.processed_at
  FROM landed
  LEFT JOIN received
    ON received.gcs_path = landed.gcs_path
),
overview AS (
  SELECT
    COUNT(*) AS files,
    COUNTIF(processed_at IS NULL) AS waiting,
    (SELECT COUNT(*) FROM received) AS receipts,
    (
      SELECT MAX(landed.landed_at)
      FROM landed
      JOIN receipts
        ON receipts.gcs_path = landed.gcs_path
      WHERE receipts.processed_at >= TIMESTAMP_SUB(landed.landed_at, INTERVAL {CLOCKS_AGREE_WITHIN.seconds} SECOND)
        AND GREATEST(receipts.processed_at, landed.landed_at) <= @settled
    ) AS overtaken_before,
    (
      SELECT MAX(cleanup_time)
      FROM nba_orchestration.cleanup_operations
      WHERE DATE(cleanup_time) BETWEEN DATE(@since) AND DATE(@now)
        AND cleanup_time < @now
        AND environment = @environment
    ) AS last_cleanup
  FROM known
),
oldest AS (
  SELECT * FROM known WHERE processed_at IS NULL ORDER BY landed_at, gcs_path LIMIT {MOST_WAITING}
)
SELECT
  overview.*, oldest.gcs_path, oldest.scraper_name, oldest.workflow, oldest.game_date, oldest.execution_id,
  oldest.content_sha256, oldest.landed_at
FROM overview
LEFT JOIN oldest
  ON TRUE
ORDER BY oldest.landed_at, oldest.gcs_path
"""  # noqa: S608 - numbers of our own

# A file that landed again within the lookback may have had its receipt long before.
_RECEIVED = """
SELECT DISTINCT gcs_path
FROM nba_orchestration.file_receipts
WHERE gcs_path IN UNNEST(@paths)
  AND DATE(processed_at) >= DATE(@since)
  AND environment = @environment
"""

_STRAY_RECEIPTS = f"""
SELECT received.gcs_path, MIN(received.processed_at) AS processed_at
FROM nba_orchestration.file_receipts AS received
LEFT JOIN nba_orchestration.scraper_execution_log AS landed
  ON landed.gcs_path = received.gcs_path
    AND DATE(landed.triggered_at) BETWEEN DATE(@since) AND DATE(@now)
    AND landed.environment = @environment
WHERE DATE(received.processed_at) BETWEEN DATE(@since) AND DATE(@settled)
  AND received.processed_at BETWEEN @since AND @settled
  AND received.environment = @environment
  AND landed.gcs_path IS NULL
GROUP BY received.gcs_path
ORDER BY received.gcs_path
LIMIT {MOST_UNKNOWN}
"""  # noqa: S608 - a number of our own

_NAMED = """
SELECT DISTINCT gcs_path
FROM nba_orchestration.scraper_execution_log
WHERE gcs_path IN UNNEST(@paths)
  AND DATE(triggered_at) >= DATE(@since)
  AND environment = @environment
"""

_EXECUTIONS = """
SELECT execution_id, scraper_name, status, source, workflow, occurrence_id, decision_id, attempt, triggered_at
FROM nba_orchestration.scraper_execution_log
WHERE execution_id IN UNNEST(@ids)
  AND DATE(triggered_at) >= DATE(@since)
  AND environment = @environment
ORDER BY created_at
"""


class FileDataset:
    """The rows of one environment. Every method raises Unavailable."""

    def __init__(self, warehouse: Warehouse, environment: str) -> None:
        self._warehouse, self._environment = warehouse, environment

    def files(
        self, now: datetime, lookback: timedelta, grace: timedelta
    ) -> tuple[Overview, list[LoggedFile]]:
        """Return the counts of files that landed within `lookback`, and the oldest files without a receipt."""
        rows = self._query(_FILES, since=now - lookback, now=now, settled=now - grace)
        # There is always a row: the left join keeps the overview when no file waits.
        overview = Overview(**{field.name: rows[0][field.name] for field in fields(Overview)})
        names = [field.name for field in fields(LoggedFile)]
        waiting = [
            LoggedFile(**{name: row[name] for name in names}) for row in rows if row["gcs_path"] is not None
        ]
        return overview, waiting

    def received(self, paths: Sequence[str], now: datetime) -> set[str]:
        """Return the paths that have a receipt of any age."""
        return {
            row["gcs_path"]
            for part in _parts(paths)
            for row in self._query(_RECEIVED, paths=part, since=now - RETENTION)
        }

    def unknown_receipts(
        self, now: datetime, lookback: timedelta, grace: timedelta
    ) -> Mapping[str, datetime]:
        """Return receipts' instants, by path, of files that no execution wrote; leaves out receipts younger than
        `grace`, as the execution's row may be late."""
        rows = self._query(_STRAY_RECEIPTS, since=now - lookback, now=now, settled=now - grace)
        strays = {row["gcs_path"]: row["processed_at"] for row in rows}
        # The file may have landed before the lookback; only a path that no execution ever named is unknown.
        named = self.named(list(strays), now - RETENTION)
        return {path: at for path, at in strays.items() if path not in named}

    def unnamed(self, paths: Sequence[str], now: datetime, lookback: timedelta) -> list[str]:
        """Return the paths that no execution names. Searches older executions only for paths without a recent one, as
        that query reads the whole table."""
        for since in (now - lookback, now - RETENTION):
            # Paths that recent rows name are not searched again in the older ones.
            if named := self.named(paths, since):
                paths = [path for path in paths if path not in named]
        return list(paths)

    def named(self, paths: Sequence[str], since: datetime) -> set[str]:
        """Return the paths that an execution since then names."""
        return {
            row["gcs_path"] for part in _parts(paths) for row in self._query(_NAMED, paths=part, since=since)
        }

    def executions(self, ids: Sequence[str], now: datetime) -> Mapping[str, ExecutionRow]:
        """Return rows by execution id; a success, if there is one, else the newest."""
        found: dict[str, ExecutionRow] = {}
        for part in _parts(ids):
            for row in self._query(_EXECUTIONS, ids=part, since=now - RETENTION):
                earlier = found.get(row["execution_id"])
                # Rows come in the order of writing, so a newer row replaces an older one unless that is a success.
                if earlier is None or earlier.status != "success":
                    found[row["execution_id"]] = ExecutionRow.model_validate(row)
        return found

    def _query(self, sql: str, **parameters: Parameter) -> list[dict[str, Any]]:
        return self._warehouse.query(sql, {**parameters, "environment": self._environment})


def _parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]

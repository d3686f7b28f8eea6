"""What the dataset knows of files and receipts."""

from datetime import datetime, timedelta

from tipoff_cleanup.losses import Landed
from tipoff_common.ports import Warehouse

_LANDED = """
SELECT
  gcs_path,
  ANY_VALUE(scraper_name) AS scraper_name,
  ANY_VALUE(workflow) AS workflow,
  ANY_VALUE(game_date) AS game_date,
  MIN(execution_id) AS execution_id,
  MAX(SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64)) AS record_count,
  ANY_VALUE(JSON_VALUE(data_summary, '$.content_sha256')) AS content_sha256,
  MIN(completed_at) AS landed_at
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN DATE(@since) AND DATE(@now)
  AND triggered_at BETWEEN @since AND @now
  AND status = 'success'
  AND gcs_path IS NOT NULL
  AND environment = @environment
GROUP BY gcs_path
"""

_RECEIPTS = """
SELECT gcs_path, MIN(processed_at) AS processed_at
FROM nba_orchestration.file_receipts
WHERE DATE(processed_at) >= DATE(@since)
  AND environment = @environment
GROUP BY gcs_path
"""


def read_landed(warehouse: Warehouse, environment: str, now: datetime, lookback: timedelta) -> list[Landed]:
    """Files of successful executions within `lookback`, one a path. Raises Unavailable."""
    rows = warehouse.query(_LANDED, {"since": now - lookback, "now": now, "environment": environment})
    return [Landed(**row) for row in rows]


def read_receipts(warehouse: Warehouse, environment: str, since: datetime) -> dict[str, datetime]:
    """When each path was processed. Raises Unavailable."""
    rows = warehouse.query(_RECEIPTS, {"since": since, "environment": environment})
    return {row["gcs_path"]: row["processed_at"] for row in rows}

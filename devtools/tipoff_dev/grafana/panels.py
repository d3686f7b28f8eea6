"""The panels of the dashboards: the query and the appearance of each. Pure data, without Grafana's builders.

Panels about now and today query the dataset's table functions, which read only the partitions of the given days. Panels
about the chosen range filter the bare partition column of a table by `$__timeFilter`, because BigQuery prunes
partitions by nothing else. They remove duplicates themselves, because a filter on a view comes too late to prune.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlglot

from tipoff_dataset.batch import bare_statement
from tipoff_dataset.queries import named
from tipoff_dev.grafana.macros import expand

_ANY_INSTANT = datetime(2026, 1, 15, 16, tzinfo=UTC)
NOW = "CURRENT_TIMESTAMP()"
TODAY = "CURRENT_DATE('America/New_York')"
HERE = "environment = '${environment}'"
_RUNS = f"""WITH runs AS (
  SELECT triggered_at, scraper_name, status, source, duration_seconds, error_type
  FROM nba_orchestration.scraper_execution_log
  WHERE $__timeFilter(triggered_at)
    AND {HERE}
  QUALIFY ROW_NUMBER() OVER (
      PARTITION BY execution_id, DATE(triggered_at)
      ORDER BY
        status = 'success' DESC, JSON_VALUE(data_summary, '$.presumed') IS NULL DESC, created_at DESC, event_id
    ) = 1
)"""
"""The executions of the range, each once, by the same rule as fn_executions.sql."""
_CLEANUPS = f"""WITH cleanups AS (
  SELECT cleanup_time, missing_files_found, republished_count, given_up_count, files_checked, waiting_count
  FROM nba_orchestration.cleanup_operations
  WHERE $__timeFilter(cleanup_time)
    AND {HERE}
  QUALIFY ROW_NUMBER() OVER (PARTITION BY cleanup_id ORDER BY created_at DESC, event_id) = 1
)"""


def _named(name: str) -> str:
    """Return a query of queries/ as SQL for the present instant and the dashboard's environment."""
    statement = bare_statement(named(name), "")
    return statement.replace("@environment", "'${environment}'").replace("@as_of", NOW)


def _runs_over_time(measure: str, by: str, every: str = "1h") -> str:
    """Return the SQL of a series of the range's runs, with one line for each value of `by`."""
    return f"""{_RUNS}
SELECT $__timeGroup(triggered_at, {every}) AS time, {by}, {measure}
FROM runs
GROUP BY time, {by}
ORDER BY time, {by}"""


class PanelKind(StrEnum):
    """Kind of a panel."""

    STAT = "stat"
    TABLE = "table"
    SERIES = "timeseries"


@dataclass(frozen=True)
class PanelSpec:
    """One panel."""

    title: str
    description: str
    kind: PanelKind
    sql: str
    width: int = 24
    """In columns; a row has 24."""
    height: int = 8

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the result's columns, in order; the first column of a series is `time`."""
        sql = expand(self.sql, start=_ANY_INSTANT, end=_ANY_INSTANT, variables={"environment": "prod"})
        statement: Any = sqlglot.parse_one(sql, dialect="bigquery")
        return tuple(statement.named_selects)


@dataclass(frozen=True)
class DashboardSpec:
    """One dashboard."""

    name: str
    """The name of the dashboard's file, and its uid."""
    title: str
    description: str
    since: str
    """The start of the initial time range."""
    panels: tuple[PanelSpec, ...]


TODAY_BOARD = DashboardSpec(
    "tipoff-today",
    "Tipoff: Today",
    "Expected and actual runs of today. The times of the tables are in the fleet's zone.",
    "now-24h",
    (
        PanelSpec(
            "Is today all right?",
            "Expected runs of the business day by outcome; missing: past the deadline without a run.",
            PanelKind.STAT,
            f"""SELECT
  COUNTIF(status = 'MISSING') AS missing,
  COUNTIF(status = 'LATE') AS late,
  COUNTIF(status IN ('PENDING', 'TOO_EARLY')) AS to_come,
  COUNTIF(status IN ('ON_TIME', 'SKIPPED_OK')) AS as_expected
FROM nba_orchestration.expected_vs_actual({NOW}, {TODAY})
WHERE {HERE}""",
            height=5,
        ),
        PanelSpec(
            "Expected against actual",
            "One row for each expected run, in the order of the day; the last column has the reason.",
            PanelKind.TABLE,
            f"""SELECT
  FORMAT_TIMESTAMP('%H:%M', expected_run_time, 'America/New_York') AS expected,
  FORMAT_TIMESTAMP('%H:%M', actual_run_time, 'America/New_York') AS actual,
  workflow_name,
  subject,
  status,
  expected_reason,
  actual_reason
FROM nba_orchestration.expected_vs_actual({NOW}, {TODAY})
WHERE {HERE}
ORDER BY expected_run_time, workflow_name, subject""",
            height=14,
        ),
        PanelSpec(
            "Open alerts",
            "Open alerts of the monitor, the worst first. An empty table does not prove that the monitor runs.",
            PanelKind.TABLE,
            f"""SELECT severity, rule, subject, state, since, summary, runbook
FROM nba_orchestration.alert_events
WHERE changed_at >= TIMESTAMP_SUB({NOW}, INTERVAL 90 DAY)
  AND {HERE}
QUALIFY
  ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY changed_at DESC, created_at DESC) = 1
  AND state != 'resolved'
ORDER BY CASE severity WHEN 'CRITICAL' THEN 0 WHEN 'WARNING' THEN 1 ELSE 2 END, since, rule, subject""",
            width=14,
        ),
        PanelSpec(
            "Heartbeats",
            "Each path from one service to the next: its last use, and unanswered messages.",
            PanelKind.TABLE,
            f"""SELECT edge, from_last_seen, to_last_seen, unanswered, oldest_unanswered
FROM nba_orchestration.heartbeats({NOW})
WHERE {HERE}
ORDER BY edge""",
            width=10,
        ),
    ),
)

DISCOVERY_BOARD = DashboardSpec(
    "tipoff-discovery",
    "Tipoff: Discovery",
    "Searches until publication: found, not yet, failing, and their duration.",
    "now-7d",
    (
        PanelSpec(
            "Searches of today",
            "By scraper and subject; NOT_YET is requested again; FAILING is an error, not absent data.",
            PanelKind.TABLE,
            _named("discovery_status"),
            height=12,
        ),
        PanelSpec(
            "Attempts by outcome",
            "Executions an hour: found, not published yet, failed. Many no_data are normal, many failed are not.",
            PanelKind.SERIES,
            _runs_over_time("COUNT(*) AS attempts", "status"),
            width=12,
        ),
        PanelSpec(
            "Attempts until found",
            "By scraper, per day of the range: attempts without data and failures before the first success.",
            PanelKind.TABLE,
            f"""{_RUNS},
firsts AS (
  SELECT scraper_name, DATE(triggered_at, 'America/New_York') AS day, MIN(triggered_at) AS found_at
  FROM runs
  WHERE status = 'success'
  GROUP BY scraper_name, day
)
SELECT
  firsts.scraper_name,
  COUNT(DISTINCT firsts.day) AS days_found,
  ROUND(COUNTIF(runs.status = 'no_data') / COUNT(DISTINCT firsts.day), 1) AS in_vain_a_day,
  ROUND(COUNTIF(runs.status = 'failed') / COUNT(DISTINCT firsts.day), 1) AS failed_a_day
FROM firsts
LEFT JOIN runs
  ON runs.scraper_name = firsts.scraper_name
  AND DATE(runs.triggered_at, 'America/New_York') = firsts.day
  AND runs.triggered_at < firsts.found_at
GROUP BY firsts.scraper_name
ORDER BY in_vain_a_day DESC, firsts.scraper_name""",
            width=12,
        ),
    ),
)

RELIABILITY_BOARD = DashboardSpec(
    "tipoff-reliability",
    "Tipoff: Reliability",
    "Success rate, failures and duration of each scraper. Not published yet is not a failure.",
    "now-7d",
    (
        PanelSpec(
            "Executions by status",
            "Executions an hour.",
            PanelKind.SERIES,
            _runs_over_time("COUNT(*) AS executions", "status"),
            width=12,
        ),
        PanelSpec(
            "Slowest scrapers",
            "95th percentile of the duration by hour, in seconds, of the five that take longest in the range.",
            PanelKind.SERIES,
            f"""{_RUNS},
slowest AS (
  SELECT scraper_name
  FROM runs
  GROUP BY scraper_name
  ORDER BY AVG(duration_seconds) DESC
  LIMIT 5
)
SELECT
  $__timeGroup(runs.triggered_at, 1h) AS time,
  runs.scraper_name,
  APPROX_QUANTILES(runs.duration_seconds, 20)[OFFSET(19)] AS p95_seconds
FROM runs
INNER JOIN slowest
  ON slowest.scraper_name = runs.scraper_name
GROUP BY time, runs.scraper_name
ORDER BY time, runs.scraper_name""",
            width=12,
        ),
        PanelSpec(
            "Success rates of seven days",
            "Success rates; runs before the publication count neither way.",
            PanelKind.TABLE,
            f"""SELECT
  scraper_name, success_rate_pct, found_share_pct, note, total_runs, success_count, no_data_count, failed_count,
  avg_duration_sec, last_found_at
FROM nba_orchestration.success_rates({NOW}, 7)
WHERE {HERE}
ORDER BY LEAST(COALESCE(success_rate_pct, 0), found_share_pct), scraper_name""",
            height=12,
        ),
        PanelSpec(
            "Failures by kind",
            "Failures in the range: http and timeout usually pass, source_changed needs a fix.",
            PanelKind.TABLE,
            f"""{_RUNS}
SELECT scraper_name, error_type, COUNT(*) AS failures, MAX(triggered_at) AS last_at
FROM runs
WHERE status = 'failed'
GROUP BY scraper_name, error_type
ORDER BY failures DESC, scraper_name, error_type""",
        ),
    ),
)

SELF_HEALING_BOARD = DashboardSpec(
    "tipoff-self-healing",
    "Tipoff: Self-healing",
    "Files that landed and were not processed, and cleanup's repairs.",
    "now-7d",
    (
        PanelSpec(
            "Missing and republished",
            "Files missing, republished and given up in each cleanup run; the highest of each hour.",
            PanelKind.SERIES,
            f"""{_CLEANUPS}
SELECT
  $__timeGroup(cleanup_time, 1h) AS time,
  MAX(missing_files_found) AS missing,
  SUM(republished_count) AS republished,
  MAX(COALESCE(given_up_count, 0)) AS given_up
FROM cleanups
GROUP BY time
ORDER BY time""",
            width=12,
        ),
        PanelSpec(
            "Waiting for Phase 2",
            "Files of the last day without a receipt yet, at each cleanup run; it falls again while Phase 2 works.",
            PanelKind.SERIES,
            f"""{_CLEANUPS}
SELECT $__timeGroup(cleanup_time, 15m) AS time, MAX(waiting_count) AS waiting, MAX(files_checked) AS checked
FROM cleanups
GROUP BY time
ORDER BY time""",
            width=12,
        ),
        PanelSpec(
            "Missing now",
            "As of the last cleanup run, the oldest first.",
            PanelKind.TABLE,
            f"""SELECT scraper_name, gcs_path, age_minutes, republished, urgency
FROM nba_orchestration.missing_files({NOW})
WHERE {HERE}
ORDER BY age_minutes DESC, gcs_path""",
        ),
        PanelSpec(
            "Receipts of Phase 2",
            "Files processed by Phase 2, by hour and processor.",
            PanelKind.SERIES,
            f"""SELECT
  $__timeGroup(processed_at, 1h) AS time, processor, COUNT(DISTINCT gcs_path) AS files
FROM nba_orchestration.file_receipts
WHERE $__timeFilter(processed_at)
  AND {HERE}
GROUP BY time, processor
ORDER BY time, processor""",
        ),
    ),
)

COST_BOARD = DashboardSpec(
    "tipoff-cost",
    "Tipoff: Cost",
    "Machine time by source of the request, and remaining paid allowances.",
    "now-30d",
    (
        PanelSpec(
            "Thirty days by source",
            "Executions and their seconds by the surface they came through, every environment.",
            PanelKind.TABLE,
            f"""SELECT source, environment, executions, successful, avg_duration, total_seconds
FROM nba_orchestration.cost_by_source({NOW}, 30)
ORDER BY executions DESC, source, environment""",
            width=12,
        ),
        PanelSpec(
            "Seconds a day by source",
            "Summed durations of executions; most of it is waiting for sources.",
            PanelKind.SERIES,
            _runs_over_time("SUM(duration_seconds) AS seconds", "source", "1d"),
            width=12,
        ),
        PanelSpec(
            "Dearest scrapers",
            "In the range: executions, seconds, and the share of executions with data.",
            PanelKind.TABLE,
            f"""{_RUNS}
SELECT
  scraper_name,
  COUNT(*) AS executions,
  ROUND(SUM(duration_seconds), 1) AS total_seconds,
  ROUND(100 * COUNTIF(status = 'success') / COUNT(*), 1) AS found_pct
FROM runs
GROUP BY scraper_name
ORDER BY total_seconds DESC, scraper_name""",
            width=12,
        ),
        PanelSpec(
            "Paid allowances",
            "Last recorded quota of each scraper of a paid source, within the range.",
            PanelKind.TABLE,
            f"""SELECT
  scraper_name,
  triggered_at AS told_at,
  SAFE_CAST(JSON_VALUE(data_summary, '$.quota.used') AS INT64) AS used,
  SAFE_CAST(JSON_VALUE(data_summary, '$.quota.remaining') AS INT64) AS remaining
FROM nba_orchestration.scraper_execution_log
WHERE $__timeFilter(triggered_at)
  AND {HERE}
  AND JSON_QUERY(data_summary, '$.quota') IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY scraper_name ORDER BY triggered_at DESC, event_id) = 1
ORDER BY remaining, scraper_name""",
            width=12,
        ),
    ),
)

DASHBOARDS = (TODAY_BOARD, DISCOVERY_BOARD, RELIABILITY_BOARD, SELF_HEALING_BOARD, COST_BOARD)

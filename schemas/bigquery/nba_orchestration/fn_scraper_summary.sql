-- scraper_summary(as_of, for_date): each scraper's runs on a business day, as known at an instant.
--
--   as_of     instant of the question; later executions do not count
--   for_date  business day of the runs; the UTC partitions that such a day of any zone touches are read
--
-- One row an environment and scraper that ran; runs of a developer's machine (LOCAL) do not count. A scraper that did
-- not run has no row: discovery_status and expected_vs_actual show whether it should have run.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.scraper_summary(as_of TIMESTAMP, for_date DATE)
AS (
  WITH runs AS (
    SELECT
      e.scraper_name, e.environment, e.status, e.triggered_at, e.duration_seconds, e.error_type,
      SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records,
      ROW_NUMBER() OVER (
        PARTITION BY e.environment, e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id
      ) AS from_last
    FROM nba_orchestration.executions(
        DATE_SUB(for_date, INTERVAL 1 DAY), DATE_ADD(for_date, INTERVAL 1 DAY)
      ) AS e
    WHERE DATE(e.triggered_at, 'America/New_York') = for_date
      AND e.triggered_at <= as_of
      AND e.source != 'LOCAL'
  )
  SELECT
    r.scraper_name,
    COUNT(*) AS runs,
    COUNTIF(r.status = 'success') AS successes,
    COUNTIF(r.status = 'no_data') AS no_data,
    COUNTIF(r.status = 'failed') AS failures,
    COALESCE(SUM(IF(r.status = 'success', r.records, 0)), 0) AS records,
    ROUND(AVG(r.duration_seconds), 2) AS avg_duration_sec,
    MAX(r.triggered_at) AS last_run_at,
    MAX(IF(r.from_last = 1, r.status, NULL)) AS last_status,
    MAX(IF(r.from_last = 1, r.error_type, NULL)) AS last_error_type,
    r.environment
  FROM runs AS r
  GROUP BY r.environment, r.scraper_name
);

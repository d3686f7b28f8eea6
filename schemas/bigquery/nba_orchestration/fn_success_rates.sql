-- success_rates(as_of, days): how reliable each scraper was over the last New York business days.
--
--   as_of  instant of the question; its New York day is the last one, later executions do not count
--   days   number of New York days, that of as_of included; one UTC partition more is read
--
-- success_rate_pct is over the runs that could succeed or fail: no_data is a proper answer and neither. It is NULL
-- without such a run. Runs of a developer's machine (LOCAL) do not count.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.success_rates(as_of TIMESTAMP, days INT64)
AS (
  SELECT
    e.scraper_name,
    COUNT(*) AS total_runs,
    COUNTIF(e.status = 'success') AS success_count,
    COUNTIF(e.status = 'no_data') AS no_data_count,
    COUNTIF(e.status = 'failed') AS failed_count,
    ROUND(
      SAFE_DIVIDE(COUNTIF(e.status = 'success') * 100.0, COUNTIF(e.status IN ('success', 'failed'))), 1
    ) AS success_rate_pct,
    ROUND(AVG(e.duration_seconds), 2) AS avg_duration_sec,
    e.environment
  FROM nba_orchestration.executions(
      DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL (days - 1) DAY), DATE(as_of)
    ) AS e
  WHERE e.triggered_at >= TIMESTAMP(
      DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL (days - 1) DAY), 'America/New_York'
    )
    AND e.triggered_at <= as_of
    AND e.source != 'LOCAL'
  GROUP BY e.environment, e.scraper_name
);

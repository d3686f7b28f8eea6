-- cost_by_source(as_of, days): executions and their seconds by source, over the last business days.
--
--   as_of  instant of the question; its business day is the last one, later executions do not count
--   days   number of business days, that of as_of included; one UTC partition more is read
--
-- Every source counts here, LOCAL too, as the query shows who causes the work. total_seconds is the billed time.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.cost_by_source(as_of TIMESTAMP, days INT64)
AS (
  SELECT
    e.source,
    e.environment,
    COUNT(*) AS executions,
    COUNTIF(e.status = 'success') AS successful,
    ROUND(AVG(e.duration_seconds), 2) AS avg_duration,
    ROUND(COALESCE(SUM(e.duration_seconds), 0), 2) AS total_seconds
  FROM nba_orchestration.executions(
      DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL days DAY), DATE(as_of)
    ) AS e
  WHERE e.triggered_at >= TIMESTAMP(
      DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL (days - 1) DAY), 'America/New_York'
    )
    AND e.triggered_at <= as_of
  GROUP BY e.source, e.environment
);

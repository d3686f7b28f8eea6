-- Which were this scraper's recent executions?
--
-- One row per execution of the last business days, the newest first; the query reads only the partitions and columns that
-- it needs. Every source counts, LOCAL too.
--
--   @as_of         TIMESTAMP = now              instant of the question; later executions do not count
--   @scraper_name  STRING                       registered name
--   @days          INT64 = 7                    number of business days
--   @environment   STRING = prod                prod, staging, dev or local
--
-- triggered_at TIMESTAMP, game_date DATE, status, source STRING, records INT64, duration_seconds FLOAT64, error_type,
-- reason STRING: why nothing was found, or the error; error_message, gcs_path STRING

SELECT
  e.triggered_at,
  e.game_date,
  e.status,
  e.source,
  SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records,
  e.duration_seconds,
  e.error_type,
  COALESCE(e.error_message, JSON_VALUE(e.data_summary, '$.reason')) AS reason,
  e.error_message,
  e.gcs_path
FROM nba_orchestration.executions(
    DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY), DATE(@as_of)
  ) AS e
WHERE DATE(e.triggered_at, 'America/New_York') > DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY)
  AND e.triggered_at <= @as_of
  AND e.scraper_name = @scraper_name
  AND e.environment = @environment
ORDER BY e.triggered_at DESC, e.execution_id;

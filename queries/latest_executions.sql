-- Which were each scraper's latest executions?
--
-- At most @per_scraper rows a scraper of the last @days, the newest first. Every source counts, LOCAL too.
-- error_message has the error, or the reason of a no_data: only it distinguishes late data from none.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @days         INT64 = 7        how far back
--   @per_scraper  INT64 = 60       how many of each
--   @environment  STRING = prod    prod, staging, dev or local
--
-- execution_id, occurrence_id, scraper_name, workflow STRING, game_date DATE, status, source STRING, triggered_at
-- TIMESTAMP, attempt, records INT64, duration_seconds FLOAT64, error_type, error_message, gcs_path STRING, opts,
-- drift, completeness JSON, not_before TIMESTAMP, paused_host STRING

SELECT
  e.execution_id,
  e.occurrence_id,
  e.scraper_name,
  e.workflow,
  e.game_date,
  e.status,
  e.source,
  e.triggered_at,
  e.attempt,
  SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records,
  e.duration_seconds,
  e.error_type,
  COALESCE(e.error_message, JSON_VALUE(e.data_summary, '$.reason')) AS error_message,
  e.gcs_path,
  e.opts,
  JSON_QUERY(e.data_summary, '$.drift') AS drift,
  JSON_QUERY(e.data_summary, '$.completeness') AS completeness,
  SAFE_CAST(JSON_VALUE(e.data_summary, '$.not_before') AS TIMESTAMP) AS not_before,
  JSON_VALUE(e.data_summary, '$.paused_host') AS paused_host
FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL @days DAY), DATE(@as_of)) AS e
WHERE e.triggered_at <= @as_of AND e.environment = @environment
QUALIFY ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) <= @per_scraper
ORDER BY e.triggered_at DESC, e.execution_id;

-- Which scrapers got another number of records than their assertions allow?
--
-- One row per scraper whose newest run that succeeded or failed has failed for its number of records.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary, error_type STRING, since TIMESTAMP, value FLOAT64

WITH newest AS (
  SELECT e.scraper_name, e.workflow, e.status, e.triggered_at, e.error_type, e.error_message, e.data_summary
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 2 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.status IN ('success', 'failed')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) = 1
)
SELECT
  scraper_name AS subject,
  triggered_at AS since,
  CAST(NULL AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(scraper_name, ': ', error_message, '.') AS summary,
  error_type
FROM newest
WHERE status = 'failed' AND error_type = 'source_changed' AND REGEXP_CONTAINS(error_message, r'^[0-9]+ records; ')
ORDER BY scraper_name;

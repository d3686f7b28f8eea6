-- Which sources changed their shape without breaking?
--
-- One row per scraper whose newest success found fields that are new, or lacked optional ones.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH newest AS (
  SELECT e.scraper_name, e.workflow, e.status, e.triggered_at, e.error_type, e.error_message, e.data_summary
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 2 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.status = 'success'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) = 1
)
SELECT
  scraper_name AS subject,
  triggered_at AS since,
  CAST(NULL AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(
    scraper_name, ': the source has other fields than before; new: ',
    TO_JSON_STRING(COALESCE(JSON_QUERY(data_summary, '$.drift.added'), JSON '[]')), ', missing: ',
    TO_JSON_STRING(COALESCE(JSON_QUERY(data_summary, '$.drift.missing_optional'), JSON '[]')), '.'
  ) AS summary
FROM newest
WHERE JSON_VALUE(data_summary, '$.drift.added[0]') IS NOT NULL
  OR JSON_VALUE(data_summary, '$.drift.missing_optional[0]') IS NOT NULL
ORDER BY scraper_name;

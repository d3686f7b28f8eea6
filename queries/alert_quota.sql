-- Which sources have little left of a paid allowance?
--
-- One row a scraper whose newest run that knows it says that a warning is due (four fifths are used), or that nothing
-- is left.
--
--   @as_of         TIMESTAMP = now  instant of the question; what came later does not count
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
    AND (JSON_QUERY(e.data_summary, '$.quota') IS NOT NULL OR e.error_type = 'quota')
  QUALIFY ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) = 1
)
SELECT
  scraper_name AS subject,
  triggered_at AS since,
  CAST(SAFE_CAST(JSON_VALUE(data_summary, '$.quota.used') AS FLOAT64) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(
    scraper_name, IF(error_type = 'quota', ': the allowance is spent', ': four fifths of the allowance are used'),
    COALESCE(CONCAT(', ', JSON_VALUE(data_summary, '$.quota.remaining'), ' left'), ''), '.'
  ) AS summary,
  'quota' AS error_type
FROM newest
WHERE error_type = 'quota' OR JSON_VALUE(data_summary, '$.quota.warning') = 'true'
ORDER BY scraper_name;

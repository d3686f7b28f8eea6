-- Which scrapers set aside a large part of their source's items?
--
-- One row per scraper whose newest success, within two days, set aside more than @threshold_pct of the items as unreadable.
-- The items are the written records and those set aside.
--
--   @as_of          TIMESTAMP = now  instant of the question; later rows do not count
--   @threshold_pct  FLOAT64 = 10  share of the items above which the scraper has a row
--   @environment    STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH newest AS (
  SELECT
    e.scraper_name, e.workflow, e.triggered_at,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.set_aside.count') AS INT64) AS set_aside,
    JSON_VALUE(e.data_summary, '$.set_aside.examples[0]') AS example
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
  ROUND(set_aside * 100.0 / (records + set_aside), 1) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(
    scraper_name, ' set aside ', CAST(set_aside AS STRING), ' of ', CAST(records + set_aside AS STRING), ' items',
    COALESCE(CONCAT(', e.g. ', example), ''), '.'
  ) AS summary
FROM newest
WHERE set_aside * 100.0 > @threshold_pct * (records + set_aside)
ORDER BY scraper_name;

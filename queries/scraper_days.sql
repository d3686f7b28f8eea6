-- What did each scraper do, day by day?
--
-- One row a scraper and New York day on which it ran, the newest day first; runs of a developer's machine (LOCAL) do not
-- count. records is the median of a success. drift tells of a success whose payload had other fields than are known.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @days         INT64 = 90       number of New York days, that of @as_of included
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, day DATE, runs, successes, no_data, failures INT64, median_seconds, records FLOAT64 (NULL without
-- a success), drift BOOL

SELECT
  e.scraper_name,
  DATE(e.triggered_at, 'America/New_York') AS day,
  COUNT(*) AS runs,
  COUNTIF(e.status = 'success') AS successes,
  COUNTIF(e.status = 'no_data') AS no_data,
  COUNTIF(e.status = 'failed') AS failures,
  APPROX_QUANTILES(e.duration_seconds, 2)[OFFSET(1)] AS median_seconds,
  APPROX_QUANTILES(
    IF(e.status = 'success', SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS FLOAT64), NULL), 2
  )[SAFE_OFFSET(1)] AS records,
  COUNTIF(
    e.status = 'success'
    AND (
      JSON_VALUE(e.data_summary, '$.drift.added[0]') IS NOT NULL
      OR JSON_VALUE(e.data_summary, '$.drift.missing_optional[0]') IS NOT NULL
    )
  ) > 0 AS drift
FROM nba_orchestration.executions(
    DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL (@days - 1) DAY), DATE(@as_of)
  ) AS e
WHERE e.triggered_at <= @as_of
  AND DATE(e.triggered_at, 'America/New_York') > DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY)
  AND e.environment = @environment
  AND e.source != 'LOCAL'
GROUP BY e.scraper_name, day
ORDER BY day DESC, e.scraper_name;

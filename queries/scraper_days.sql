-- How did each scraper run, day by day?
--
-- One row per scraper and business day on which it ran, the newest day first; runs of a developer's machine (LOCAL) do not
-- count. records is the median of a success. drift: a success had new fields or lacked optional ones.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @days         INT64 = 90       number of business days, that of @as_of included
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, day DATE, runs, successes, no_data, failures INT64, median_seconds, records FLOAT64 (NULL without
-- a success), drift BOOL

WITH runs AS (
  SELECT
    e.scraper_name,
    e.status,
    e.duration_seconds,
    e.data_summary,
    DATE(e.triggered_at, 'America/New_York') AS business_day
  FROM nba_orchestration.executions(
      DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY), DATE(@as_of)
    ) AS e
  WHERE e.triggered_at <= @as_of
    AND DATE(e.triggered_at, 'America/New_York') > DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY)
    AND e.environment = @environment
    AND e.source != 'LOCAL'
)
SELECT
  r.scraper_name,
  r.business_day AS day,
  COUNT(*) AS runs,
  COUNTIF(r.status = 'success') AS successes,
  COUNTIF(r.status = 'no_data') AS no_data,
  COUNTIF(r.status = 'failed') AS failures,
  APPROX_QUANTILES(r.duration_seconds, 2)[OFFSET(1)] AS median_seconds,
  APPROX_QUANTILES(
    IF(r.status = 'success', SAFE_CAST(JSON_VALUE(r.data_summary, '$.record_count') AS FLOAT64), NULL), 2
  )[SAFE_OFFSET(1)] AS records,
  COUNTIF(
    r.status = 'success'
    AND (
      JSON_VALUE(r.data_summary, '$.drift.added[0]') IS NOT NULL
      OR JSON_VALUE(r.data_summary, '$.drift.missing_optional[0]') IS NOT NULL
    )
  ) > 0 AS drift
FROM runs AS r
GROUP BY r.scraper_name, r.business_day
ORDER BY day DESC, r.scraper_name;

-- Which sources have little left of a paid allowance, or ask for a pause?
--
-- One row per scraper whose newest run failed with quota, until the instant that the source named has passed (two days
-- when it named none) or another run ends otherwise; and one whose newest run of two days with a reported allowance used
-- four fifths of it or more. A run that failed for another reason does not report an allowance, so it does not end the
-- latter row.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary, error_type STRING, since TIMESTAMP, value FLOAT64

WITH runs AS (
  SELECT
    e.scraper_name, e.workflow, e.triggered_at, e.error_type, e.data_summary,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.not_before') AS TIMESTAMP) AS not_before,
    ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) AS place,
    ROW_NUMBER() OVER (
      PARTITION BY e.scraper_name, JSON_QUERY(e.data_summary, '$.quota') IS NULL
      ORDER BY e.triggered_at DESC, e.execution_id
    ) AS place_among_alike
  -- A source may ask for a pause of seven days.
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 8 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
),
judged AS (
  SELECT
    *,
    place = 1 AND error_type = 'quota' AND not_before > @as_of AS is_pause,
    place = 1 AND error_type = 'quota' AND not_before IS NULL
    AND triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR) AS is_refused,
    place_among_alike = 1 AND JSON_VALUE(data_summary, '$.quota.warning') = 'true'
    AND triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR) AS is_low
  FROM runs
),
newest AS (
  SELECT *
  FROM judged
  WHERE is_pause OR is_refused OR is_low
  QUALIFY ROW_NUMBER() OVER (PARTITION BY scraper_name ORDER BY place) = 1
)
SELECT
  scraper_name AS subject,
  triggered_at AS since,
  SAFE_CAST(JSON_VALUE(data_summary, '$.quota.used') AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CASE
    WHEN is_pause
      THEN CONCAT(
          scraper_name, ': ', COALESCE(JSON_VALUE(data_summary, '$.paused_host'), 'the source'),
          ' demands no requests until ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', not_before, 'America/New_York'), '.'
        )
    ELSE CONCAT(
        scraper_name,
        IF(
          is_refused OR SAFE_CAST(JSON_VALUE(data_summary, '$.quota.remaining') AS FLOAT64) <= 0,
          ': the allowance is spent', ': four fifths of the allowance are used'
        ),
        COALESCE(CONCAT(', ', JSON_VALUE(data_summary, '$.quota.remaining'), ' left'), ''), '.'
      )
  END AS summary,
  'quota' AS error_type
FROM newest
ORDER BY scraper_name;

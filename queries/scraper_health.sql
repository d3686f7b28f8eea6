-- How healthy is each scraper, and which fault does it have?
--
-- One row per scraper that ran within @days, the worst first. silent_intervals counts the time since its last success in
-- its own usual intervals: the span of its successes, divided by their days. Failures are counted over its last ten
-- telling runs, those that succeeded or failed; runs of a developer's machine (LOCAL) do not count. cause: the kind of
-- the newest error if the newest telling run failed; found nothing; items set aside (more than @set_aside_pct, if the
-- newest telling run succeeded); drift; quota low; well. last_error also describes items set aside.
--
--   @as_of          TIMESTAMP = now  instant of the question; later executions do not count
--   @days           INT64 = 30       how far back
--   @set_aside_pct  FLOAT64 = 10     share of a document's items, as @threshold_pct of alert_items_set_aside
--   @environment    STRING = prod    prod, staging, dev or local
--
-- scraper_name, cause STRING, last_success TIMESTAMP (NULL: never), silent_intervals FLOAT64, telling_runs,
-- failures INT64, drift BOOL, last_error STRING

WITH runs AS (
  SELECT
    e.scraper_name, e.status, e.triggered_at, e.error_type, e.error_message, e.data_summary,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.set_aside.count') AS INT64) AS set_aside,
    ROW_NUMBER() OVER (
      PARTITION BY e.scraper_name, e.status = 'no_data' ORDER BY e.triggered_at DESC, e.execution_id
    ) AS place
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL @days DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of AND e.environment = @environment AND e.source != 'LOCAL'
),
health AS (
  SELECT
    scraper_name,
    MAX(IF(status = 'success', triggered_at, NULL)) AS last_success,
    MIN(IF(status = 'success', triggered_at, NULL)) AS first_success,
    COUNT(DISTINCT IF(status = 'success', DATE(triggered_at), NULL)) AS success_days,
    MAX(triggered_at) AS last_run,
    ANY_VALUE(status HAVING MAX triggered_at) AS last_status,
    COUNTIF(status != 'no_data' AND place <= 10) AS telling_runs,
    COUNTIF(status = 'failed' AND place <= 10) AS failures,
    MAX(IF(status = 'failed' AND place = 1, error_type, NULL)) AS error_type,
    MAX(IF(status = 'failed' AND place = 1, error_message, NULL)) AS last_error,
    COUNTIF(
      status = 'success' AND place = 1
      AND (
        JSON_VALUE(data_summary, '$.drift.added[0]') IS NOT NULL
        OR JSON_VALUE(data_summary, '$.drift.missing_optional[0]') IS NOT NULL
      )
    ) > 0 AS drift,
    COUNTIF(place = 1 AND JSON_VALUE(data_summary, '$.quota.warning') = 'true') > 0 AS quota_low,
    MAX(IF(status = 'success' AND place = 1, records, NULL)) AS records,
    MAX(IF(status = 'success' AND place = 1, set_aside, NULL)) AS set_aside,
    MAX(
      IF(status = 'success' AND place = 1, JSON_VALUE(data_summary, '$.set_aside.examples[0]'), NULL)
    ) AS set_aside_example
  FROM runs
  GROUP BY scraper_name
),
silence AS (
  SELECT
    *,
    ROUND(
      TIMESTAMP_DIFF(@as_of, last_success, MINUTE)
      / COALESCE(SAFE_DIVIDE(TIMESTAMP_DIFF(last_success, first_success, MINUTE), success_days - 1), 1440), 1
    ) AS silent_intervals
  FROM health
),
judged AS (
  SELECT
    *,
    CASE
      WHEN error_type IS NOT NULL THEN error_type
      WHEN last_success IS NULL OR (silent_intervals > 3 AND last_status = 'no_data') THEN 'found nothing'
      WHEN set_aside * 100.0 > @set_aside_pct * (records + set_aside) THEN 'items set aside'
      WHEN quota_low THEN 'quota low'
      WHEN drift THEN 'drift'
      ELSE 'well'
    END AS cause
  FROM silence
)
SELECT
  scraper_name, cause, last_success, silent_intervals, telling_runs, failures, drift,
  IF(
    cause = 'items set aside',
    CONCAT(
      CAST(set_aside AS STRING), ' of ', CAST(records + set_aside AS STRING), ' items set aside',
      COALESCE(CONCAT(', e.g. ', set_aside_example), '')
    ),
    last_error
  ) AS last_error
FROM judged
ORDER BY
  CASE cause WHEN 'well' THEN 4 WHEN 'drift' THEN 3 WHEN 'quota low' THEN 2 WHEN 'items set aside' THEN 1 ELSE 0 END,
  SAFE_DIVIDE(failures, telling_runs) DESC,
  scraper_name;

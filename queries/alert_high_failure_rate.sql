-- Which scrapers fail too often?
--
-- One row per scraper, the worst first. The rate is over the runs in the @hours up to its newest failure, itself not older
-- than @hours, if at least @min_runs of them succeeded or failed; for a scraper that runs less often, over its last
-- @min_runs in two weeks, if the newest of them failed. A rate up to now would rise above the threshold without a new
-- failure, when an old success leaves the span. A scraper whose last @min_runs all succeeded has no row: otherwise one
-- evening's failures would keep the alert open for a day, and a new failure would not show as new. no_data counts
-- neither as success nor as failure; the unrounded rate is compared; runs of a developer's machine (LOCAL) do not count.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @hours         INT64 = 24  how far back
--   @threshold_pct FLOAT64 = 20  failure rate above which the scraper has a row
--   @min_runs      INT64 = 5  fewest runs that succeeded or failed for a rate
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary, error_type STRING, since TIMESTAMP, value FLOAT64

WITH telling AS (
  SELECT
    e.scraper_name, e.workflow, e.status, e.error_type, e.triggered_at,
    MAX(IF(e.status = 'failed', e.triggered_at, NULL)) OVER (PARTITION BY e.scraper_name) AS failed_at,
    ROW_NUMBER() OVER (PARTITION BY e.scraper_name ORDER BY e.triggered_at DESC, e.execution_id) AS from_last
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 14 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.status IN ('success', 'failed')
),
placed AS (
  SELECT
    scraper_name, workflow, status, error_type, triggered_at, from_last,
    triggered_at > TIMESTAMP_SUB(failed_at, INTERVAL @hours HOUR) AND triggered_at <= failed_at AS recent
  FROM telling
  WHERE failed_at > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
),
rates AS (
  SELECT
    scraper_name,
    ANY_VALUE(workflow HAVING MAX triggered_at) AS workflow,
    ANY_VALUE(error_type HAVING MAX IF(status = 'failed', triggered_at, NULL)) AS error_type,
    COUNTIF(recent) AS recent_runs,
    COUNTIF(recent AND status = 'failed') AS recent_failures,
    COUNTIF(from_last <= @min_runs) AS last_runs,
    COUNTIF(from_last <= @min_runs AND status = 'failed') AS last_failures,
    COUNTIF(from_last = 1 AND status = 'failed') AS newest_failed,
    MIN(IF((recent OR from_last <= @min_runs) AND status = 'failed', triggered_at, NULL)) AS since
  FROM placed
  GROUP BY scraper_name
),
judged AS (
  SELECT
    scraper_name, workflow, error_type, since, newest_failed,
    IF(recent_runs >= @min_runs, recent_runs, last_runs) AS runs,
    IF(recent_runs >= @min_runs, recent_failures, last_failures) AS failures,
    last_failures,
    recent_runs >= @min_runs AS often
  FROM rates
)
SELECT
  scraper_name AS subject,
  since,
  ROUND(failures * 100.0 / runs, 1) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(
    scraper_name, ' failed ', CAST(failures AS STRING), ' of ', CAST(runs AS STRING), ' recent runs that found data or failed',
    COALESCE(CONCAT(', most recently with ', error_type), ''), '.'
  ) AS summary,
  error_type
FROM judged
WHERE failures * 100.0 > @threshold_pct * runs
  AND IF(often, last_failures > 0, newest_failed = 1 AND runs >= 2)
ORDER BY failures / runs DESC, scraper_name;

-- Which scrapers fail too often?
--
-- One row a scraper of whose runs in the last @hours more than @threshold_pct failed, the worst first. no_data is no
-- failure and no run that could tell; fewer than @min_runs of those raise nothing; the unrounded rate is compared; runs of
-- a developer's machine (LOCAL) do not count.
--
--   @as_of          TIMESTAMP = now  instant of the question; later executions do not count
--   @hours          INT64 = 24       how far back
--   @threshold_pct  FLOAT64 = 20     failure rate above which it is one
--   @min_runs       INT64 = 5        runs that succeeded or failed, below which nothing is said
--   @environment    STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, total_runs, telling_runs, failures INT64, failure_rate_pct FLOAT64

WITH rates AS (
  SELECT
    e.scraper_name,
    COUNT(*) AS total_runs,
    COUNTIF(e.status IN ('success', 'failed')) AS telling_runs,
    COUNTIF(e.status = 'failed') AS failures
  FROM nba_orchestration.executions(
      DATE(TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)), DATE(@as_of)
    ) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
  GROUP BY e.scraper_name
)
SELECT
  scraper_name,
  total_runs,
  telling_runs,
  failures,
  ROUND(failures * 100.0 / telling_runs, 1) AS failure_rate_pct
FROM rates
WHERE telling_runs >= @min_runs AND failures * 100.0 > @threshold_pct * telling_runs
ORDER BY failures / telling_runs DESC, scraper_name;

-- How did each scraper run today?
--
-- One row per scraper that ran on the business day of @as_of; runs of a developer's machine (LOCAL) do not count. A
-- scraper that did not run has no row: see discovery_status.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, runs, successes, no_data, failures, records INT64, last_status STRING, last_run_et STRING (HH:MM)

SELECT
  scraper_name,
  runs,
  successes,
  no_data,
  failures,
  records,
  last_status,
  FORMAT_TIMESTAMP('%H:%M', last_run_at, 'America/New_York') AS last_run_et
FROM nba_orchestration.scraper_summary(@as_of, DATE(@as_of, 'America/New_York'))
WHERE environment = @environment
ORDER BY scraper_name;

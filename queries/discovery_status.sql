-- Which data of the business day has been found, and which is outstanding?
--
-- One row per scraper and subject (a game, or - for the day), tried or only expected; failing ones first.
-- schemas/bigquery/nba_orchestration/fn_discovery_status.sql explains each status.
--
--   @as_of        TIMESTAMP = now  instant of the question; the day is its business day
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name, subject, status STRING, attempts, no_data_yet, failures, records INT64, found_et, next_et STRING (HH:MM),
-- last_error_type STRING

SELECT
  scraper_name,
  subject,
  status,
  attempts,
  no_data_yet,
  failures,
  records,
  FORMAT_TIMESTAMP('%H:%M', found_at, 'America/New_York') AS found_et,
  FORMAT_TIMESTAMP('%H:%M', next_expected_at, 'America/New_York') AS next_et,
  last_error_type
FROM nba_orchestration.discovery_status(@as_of, DATE(@as_of, 'America/New_York'))
WHERE environment = @environment
ORDER BY
  CASE status WHEN 'FAILING' THEN 0 WHEN 'NOT_TRIED' THEN 1 WHEN 'NOT_YET' THEN 2 WHEN 'TOO_EARLY' THEN 3 ELSE 4 END,
  scraper_name,
  subject;

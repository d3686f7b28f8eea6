-- Which files landed within cleanup's lookback and are not processed?
--
-- One row per file, the oldest first. Files that landed before the lookback (by default a day) are not listed, also if they
-- were given up: alert_stuck_files counts those, and `tipoff files list --missing` names them. A file that was republished
-- within the hour is REPUBLISHED, a file with a receipt is not missing, and the age is counted to @as_of. No row does not
-- mean that cleanup works: see alert_cleanup_not_running.
--
--   @as_of        TIMESTAMP = now  instant of the question; later scans and receipts do not count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name, gcs_path STRING, age_minutes INT64, republished BOOL, urgency STRING (CRITICAL over 4 h, WARNING over
-- 2 h, RECENT, REPUBLISHED)

SELECT
  scraper_name,
  gcs_path,
  age_minutes,
  republished,
  urgency
FROM nba_orchestration.missing_files(@as_of)
WHERE environment = @environment
ORDER BY triggered_at, gcs_path;

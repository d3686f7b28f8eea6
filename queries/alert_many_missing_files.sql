-- Are more files missing than should be?
--
-- One row when more than @threshold files are missing and not on their way, none otherwise.
--
--   @as_of        TIMESTAMP = now  instant of the question
--   @threshold    INT64 = 10       files that may be missing
--   @environment  STRING = prod    prod, staging, dev or local
--
-- missing, critical INT64, oldest_minutes INT64

SELECT
  COUNT(*) AS missing,
  COUNTIF(urgency = 'CRITICAL') AS critical,
  MAX(age_minutes) AS oldest_minutes
FROM nba_orchestration.missing_files(@as_of)
WHERE environment = @environment AND urgency != 'REPUBLISHED'
HAVING COUNT(*) > @threshold;

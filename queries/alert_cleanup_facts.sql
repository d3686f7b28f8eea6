-- What does the newest scan of cleanup say of files as a whole?
--
-- One row when the newest scan, not older than @hours, says @fact: phase2_behind (files wait for Phase 2 that nothing
-- later overtook) or storm_guard (more is missing than can be believed, so nothing is done). It began with the first
-- scan of two days from which on all say so.
--
--   @as_of        TIMESTAMP = now  instant of the question; what came later does not count
--   @fact         STRING = phase2_behind  phase2_behind or storm_guard
--   @hours        INT64 = 2        age from which a scan says nothing of now
--   @environment  STRING = prod    prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH scans AS (
  SELECT
    cleanup_time, files_checked, missing_files_found, republished_count,
    COALESCE(IF(@fact = 'storm_guard', storm_guard, phase2_behind), FALSE) AS holds
  FROM nba_orchestration.cleanup_operations
  WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
    AND cleanup_time <= @as_of
    AND environment = @environment
    AND ARRAY_LENGTH(errors) = 0
),
latest AS (
  SELECT
    MAX(cleanup_time) AS newest,
    MAX(IF(holds, NULL, cleanup_time)) AS last_well
  FROM scans
)
SELECT
  '-' AS subject,
  MIN(scans.cleanup_time) AS since,
  CAST(ANY_VALUE(scans.missing_files_found HAVING MAX scans.cleanup_time) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    IF(
      @fact = 'storm_guard', 'Nothing is republished or adopted, as more looks lost than can be believed: ',
      'Phase 2 is behind: '
    ),
    CAST(ANY_VALUE(scans.missing_files_found HAVING MAX scans.cleanup_time) AS STRING), ' of ',
    CAST(ANY_VALUE(scans.files_checked HAVING MAX scans.cleanup_time) AS STRING), ' files are lost, ',
    CAST(ANY_VALUE(scans.republished_count HAVING MAX scans.cleanup_time) AS STRING), ' were announced again.'
  ) AS summary
FROM scans
CROSS JOIN latest
WHERE scans.holds AND scans.cleanup_time > COALESCE(latest.last_well, TIMESTAMP '1970-01-01 00:00:00+00')
HAVING MAX(scans.cleanup_time) > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR);

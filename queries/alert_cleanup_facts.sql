-- Is Phase 2 behind, or did the storm guard trip, in the newest scan of cleanup?
--
-- One row when the newest scan, not older than @hours, reports @fact: phase2_behind (files wait for Phase 2 without a
-- later file that has a receipt, and at least @min_files have none: in a quiet hour this also holds for one lost file)
-- or storm_guard (implausibly many files are missing, so cleanup does nothing). A scan with errors that does not report
-- the fact is skipped, as it may be incomplete. since: when the oldest of these files landed, by the unbroken series of
-- scans that report the fact within two days, else the first of these scans. value: files without a receipt for
-- phase2_behind, lost files for storm_guard.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rows do not count
--   @fact         STRING = phase2_behind  phase2_behind or storm_guard
--   @min_files    INT64 = 1        files without a receipt from which phase2_behind counts
--   @hours        INT64 = 2        age from which a scan is too old to count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH scans AS (
  SELECT
    cleanup_time, files_checked, missing_files_found, republished_count,
    COALESCE(waiting_count, missing_files_found) AS waiting,
    IF(
      @fact = 'storm_guard',
      (SELECT MIN(file.triggered_at) FROM UNNEST(missing_files) AS file),
      behind_since
    ) AS landed_at,
    (SELECT ANY_VALUE(finding.detail) FROM UNNEST(findings) AS finding WHERE finding.kind = 'orphan_storm') AS orphans,
    ARRAY_LENGTH(errors) = 0 AS complete,
    COALESCE(
      IF(
        @fact = 'storm_guard',
        storm_guard,
        phase2_behind AND COALESCE(waiting_count, missing_files_found) >= @min_files
      ),
      FALSE
    ) AS holds
  FROM nba_orchestration.cleanup_operations
  WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
    AND cleanup_time <= @as_of
    AND environment = @environment
),
last_well AS (
  SELECT MAX(cleanup_time) AS told_at
  FROM scans
  WHERE complete AND NOT holds
),
held AS (
  SELECT
    MIN(COALESCE(scans.landed_at, scans.cleanup_time)) AS since,
    MAX(scans.cleanup_time) AS newest
  FROM scans
  CROSS JOIN last_well
  WHERE scans.holds AND scans.cleanup_time > COALESCE(last_well.told_at, TIMESTAMP '1970-01-01 00:00:00+00')
)
SELECT
  '-' AS subject,
  held.since,
  CAST(IF(@fact = 'storm_guard', scans.missing_files_found, scans.waiting) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  IF(
    @fact = 'storm_guard',
    CONCAT(
      'Nothing is republished or adopted, as an implausible number of files looks lost: ',
      CAST(scans.missing_files_found AS STRING), ' of ', CAST(scans.files_checked AS STRING), ' files are lost',
      COALESCE(CONCAT('; ', scans.orphans), ''), '.'
    ),
    CONCAT(
      'Phase 2 is behind: ', CAST(scans.waiting AS STRING), ' of ', CAST(scans.files_checked AS STRING),
      ' files have no receipt, ', CAST(scans.missing_files_found AS STRING), ' of them are lost and ',
      CAST(scans.republished_count AS STRING), ' of those were republished',
      COALESCE(
        CONCAT(
          '; the oldest file not overtaken by a later one has been waiting for ',
          CAST(TIMESTAMP_DIFF(scans.cleanup_time, scans.landed_at, MINUTE) AS STRING), ' minutes'
        ),
        ''
      ), '.'
    )
  ) AS summary
FROM held
INNER JOIN scans
  ON scans.cleanup_time = held.newest AND scans.holds
WHERE held.newest > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
LIMIT 1;

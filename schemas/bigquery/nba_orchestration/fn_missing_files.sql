-- missing_files(as_of): the files that landed and were not processed, as known at an instant.
--
--   as_of  instant of the question; the partitions of its UTC day and the two before are read
--
-- The files that the newest complete scan of each environment lists, without those that have a receipt by now. A scan
-- that could not compare (errors, and no files) is ignored. The age is counted to as_of, not to the scan. urgency:
--   REPUBLISHED  republished within the last hour, so its receipt may still come
--   CRITICAL, WARNING, RECENT  older than four hours, older than two, neither

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.missing_files(as_of TIMESTAMP)
AS (
  WITH scans AS (
    SELECT c.cleanup_id, c.cleanup_time, c.environment, c.missing_files, c.errors
    FROM nba_orchestration.cleanup_operations AS c
    WHERE DATE(c.cleanup_time) BETWEEN DATE_SUB(DATE(as_of), INTERVAL 2 DAY) AND DATE(as_of)
      AND c.cleanup_time <= as_of
    QUALIFY ROW_NUMBER() OVER (PARTITION BY c.cleanup_id ORDER BY c.created_at DESC, c.event_id) = 1
  ),
  latest AS (
    SELECT s.environment, s.cleanup_time, s.missing_files
    FROM scans AS s
    WHERE ARRAY_LENGTH(s.errors) = 0 OR ARRAY_LENGTH(s.missing_files) > 0
    QUALIFY ROW_NUMBER() OVER (PARTITION BY s.environment ORDER BY s.cleanup_time DESC, s.cleanup_id) = 1
  ),
  announced AS (
    SELECT s.environment, mf.gcs_path, COUNT(*) AS times, MAX(s.cleanup_time) AS republished_at
    FROM scans AS s
    CROSS JOIN UNNEST(s.missing_files) AS mf
    WHERE mf.republished
    GROUP BY s.environment, mf.gcs_path
  ),
  received AS (
    SELECT DISTINCT r.environment, r.gcs_path
    FROM nba_orchestration.file_receipts AS r
    WHERE DATE(r.processed_at) BETWEEN DATE_SUB(DATE(as_of), INTERVAL 2 DAY) AND DATE(as_of)
      AND r.processed_at <= as_of
  )
  SELECT
    mf.scraper_name,
    mf.gcs_path,
    mf.triggered_at,
    DIV(TIMESTAMP_DIFF(as_of, mf.triggered_at, MICROSECOND), 60000000) AS age_minutes,
    a.republished_at IS NOT NULL AS republished,
    COALESCE(a.times, 0) AS times_republished,
    a.republished_at,
    CASE
      WHEN a.republished_at > TIMESTAMP_SUB(as_of, INTERVAL 60 MINUTE) THEN 'REPUBLISHED'
      WHEN mf.triggered_at < TIMESTAMP_SUB(as_of, INTERVAL 240 MINUTE) THEN 'CRITICAL'
      WHEN mf.triggered_at < TIMESTAMP_SUB(as_of, INTERVAL 120 MINUTE) THEN 'WARNING'
      ELSE 'RECENT'
    END AS urgency,
    l.cleanup_time AS scanned_at,
    l.environment
  FROM latest AS l
  CROSS JOIN UNNEST(l.missing_files) AS mf
  LEFT JOIN announced AS a
    ON a.environment = l.environment AND a.gcs_path = mf.gcs_path
  LEFT JOIN received AS r
    ON r.environment = l.environment AND r.gcs_path = mf.gcs_path
  WHERE r.gcs_path IS NULL
);

-- Are too many files without a receipt?
--
-- One row when more than @threshold files landed over @minutes ago, within a day, and have no receipt. Republished files
-- count too, as they are not processed either.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @minutes       INT64 = 120  time that Phase 2 has for a file
--   @threshold     INT64 = 10  files that may be late
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH landed AS (
  SELECT e.gcs_path, MIN(e.triggered_at) AS landed_at
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 1 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 24 HOUR)
    AND e.triggered_at <= TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
    AND e.environment = @environment
    AND e.status = 'success'
    AND e.gcs_path IS NOT NULL
  GROUP BY e.gcs_path
),
received AS (
  SELECT DISTINCT r.gcs_path
  FROM nba_orchestration.file_receipts AS r
  WHERE DATE(r.processed_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 30 DAY) AND DATE(@as_of)
    AND r.processed_at <= @as_of
    AND r.environment = @environment
)
SELECT
  '-' AS subject,
  MIN(landed.landed_at) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    CAST(COUNT(*) AS STRING), ' files have no receipt from Phase 2; the oldest landed at ',
    FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', MIN(landed.landed_at), 'America/New_York'), '.'
  ) AS summary
FROM landed
LEFT JOIN received
  ON received.gcs_path = landed.gcs_path
WHERE received.gcs_path IS NULL
HAVING COUNT(*) > @threshold;

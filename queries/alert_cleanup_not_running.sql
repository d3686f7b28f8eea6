-- Has self-healing stopped looking?
--
-- One row when the newest scan is older than @hours, or when there is none in two days: a maximum over no rows is NULL,
-- and NULL is older than everything.
--
--   @as_of         TIMESTAMP = now  instant of the question; later scans do not count
--   @hours         INT64 = 2  silence that is an alert
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  TIMESTAMP_ADD(COALESCE(MAX(cleanup_time), TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)), INTERVAL @hours HOUR) AS since,
  CAST(
    DIV(
      TIMESTAMP_DIFF(
        @as_of, COALESCE(MAX(cleanup_time), TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)), MICROSECOND
      ), 60000000
    ) AS FLOAT64
  ) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  COALESCE(
    CONCAT(
      'Cleanup last ran at ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', MAX(cleanup_time), 'America/New_York'), '.'
    ),
    'Cleanup has not run for two days.'
  ) AS summary
FROM nba_orchestration.cleanup_operations
WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
  AND cleanup_time <= @as_of
  AND environment = @environment
HAVING COALESCE(MAX(cleanup_time), TIMESTAMP '1970-01-01 00:00:00+00')
  < TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR);

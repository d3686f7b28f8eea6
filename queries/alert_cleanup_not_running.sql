-- Has self-healing stopped looking?
--
-- One row when the newest scan is older than @hours, or when there is none in two days: a maximum over no rows is NULL,
-- and NULL is older than everything.
--
--   @as_of        TIMESTAMP = now  instant of the question; later scans do not count
--   @hours        INT64 = 2        silence that is an alert
--   @environment  STRING = prod    prod, staging, dev or local
--
-- last_cleanup TIMESTAMP (NULL: none in two days)

SELECT MAX(cleanup_time) AS last_cleanup
FROM nba_orchestration.cleanup_operations
WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
  AND cleanup_time <= @as_of
  AND environment = @environment
HAVING COALESCE(MAX(cleanup_time), TIMESTAMP '1970-01-01 00:00:00+00')
  < TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR);

-- Were messages given up?
--
-- One row when a dead letter came within @hours.
--
--   @as_of         TIMESTAMP = now  instant of the question; what came later does not count
--   @hours         INT64 = 2  how far back
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  MIN(rejected_at) AS since,
  CAST(COUNT(DISTINCT event_id) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    CAST(COUNT(DISTINCT event_id) AS STRING), IF(COUNT(DISTINCT event_id) = 1, ' message was', ' messages were'),
    ' rejected, the last by ',
    ANY_VALUE(service HAVING MAX rejected_at),
    ' (', ANY_VALUE(reason HAVING MAX rejected_at), '): ', ANY_VALUE(detail HAVING MAX rejected_at)
  ) AS summary
FROM nba_orchestration.dead_letters
WHERE DATE(rejected_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
  AND rejected_at > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
  AND rejected_at <= @as_of
  AND environment = @environment
HAVING COUNT(*) > 0;

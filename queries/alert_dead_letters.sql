-- Were messages given up?
--
-- One row when a dead letter was rejected, or its row was written, within @hours: the row may be late by up to the seven
-- days for which Pub/Sub keeps messages that the logger does not take.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @hours         INT64 = 2  how far back
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH letters AS (
  SELECT
    event_id,
    MIN(rejected_at) AS rejected_at,
    GREATEST(MIN(rejected_at), MIN(created_at)) AS came_at,
    -- delivery_attempts rows have no service.
    ANY_VALUE(
      CONCAT(COALESCE(CONCAT('by ', service, ' '), ''), '(', reason, ')', COALESCE(CONCAT(': ', detail), ''))
    ) AS told
  FROM nba_orchestration.dead_letters
  WHERE DATE(rejected_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 7 DAY) AND DATE(@as_of)
    AND environment = @environment
  GROUP BY event_id
)
SELECT
  '-' AS subject,
  MIN(rejected_at) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    CAST(COUNT(*) AS STRING), IF(COUNT(*) = 1, ' message was', ' messages were'),
    ' rejected, the last ', ANY_VALUE(told HAVING MAX rejected_at)
  ) AS summary
FROM letters
WHERE came_at > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
  AND came_at <= @as_of
HAVING COUNT(*) > 0;

-- Were messages given up?
--
-- One row when a dead letter came within @hours: was rejected then, or came into the dataset then, as its row may be held up
-- for as long as Pub/Sub keeps what the logger does not take, which is seven days.
--
--   @as_of         TIMESTAMP = now  instant of the question; what came later does not count
--   @hours         INT64 = 2  how far back
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH letters AS (
  SELECT
    event_id,
    MIN(rejected_at) AS rejected_at,
    GREATEST(MIN(rejected_at), MIN(created_at)) AS came_at,
    -- No service gave up what was delivered too often.
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

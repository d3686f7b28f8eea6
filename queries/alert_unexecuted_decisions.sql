-- Does the runner still execute decisions?
--
-- One row when a RUN of the last @hours that requested scrapers is older than @minutes, no execution names it, and no
-- execution of its occurrence came after it: a retry is executed under the decision that planned it.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @hours         INT64 = 6  how far back
--   @minutes       INT64 = 30  time that a request has for its first execution
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH recent AS (
  SELECT e.decision_id, e.occurrence_id, e.triggered_at
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 1 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of AND e.environment = @environment
),
executed AS (
  SELECT DISTINCT decision_id
  FROM recent
  WHERE decision_id IS NOT NULL
),
retried AS (
  SELECT occurrence_id, MAX(triggered_at) AS last_at
  FROM recent
  WHERE occurrence_id IS NOT NULL
  GROUP BY occurrence_id
)
SELECT
  '-' AS subject,
  TIMESTAMP_ADD(MIN(d.decision_time), INTERVAL @minutes MINUTE) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    CAST(COUNT(*) AS STRING), IF(COUNT(*) = 1, ' decision to run was', ' decisions to run were'),
    ' followed by no execution; the first, of ',
    ANY_VALUE(d.workflow_name HAVING MIN d.decision_time), ', is of ',
    FORMAT_TIMESTAMP('%H:%M', MIN(d.decision_time), 'America/New_York'), '.'
  ) AS summary
FROM nba_orchestration.decisions(DATE_SUB(DATE(@as_of), INTERVAL 1 DAY), DATE(@as_of)) AS d
LEFT JOIN executed
  ON executed.decision_id = d.decision_id
LEFT JOIN retried
  ON retried.occurrence_id = d.occurrence_id AND retried.last_at >= d.decision_time
WHERE d.decision_time > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
  AND d.decision_time <= TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
  AND d.environment = @environment
  AND d.action = 'RUN'
  AND ARRAY_LENGTH(d.scrapers_triggered) > 0
  AND executed.decision_id IS NULL
  AND retried.occurrence_id IS NULL
HAVING COUNT(*) > 0;

-- Is the calendar of games old?
--
-- One row when the newest evaluation used a stale calendar, or none. workflow: the one that fetches the calendar.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rows do not count
--   @minutes      INT64 = 35       age from which a decision is too old to count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  MAX(decision_time) AS since,
  SAFE_CAST(ANY_VALUE(JSON_VALUE(context, '$.calendar_age_minutes') HAVING MAX decision_time) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  ANY_VALUE(JSON_VALUE(context, '$.calendar_workflow') HAVING MAX decision_time) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    'The calendar of games is ',
    COALESCE(
      CONCAT(ANY_VALUE(JSON_VALUE(context, '$.calendar_age_minutes') HAVING MAX decision_time), ' minutes old.'),
      'missing.'
    )
  ) AS summary
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
  AND decision_time > TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
  AND decision_time <= @as_of
  AND environment = @environment
  AND JSON_VALUE(context, '$.calendar_stale') IS NOT NULL
HAVING ANY_VALUE(JSON_VALUE(context, '$.calendar_stale') HAVING MAX decision_time) = 'true';

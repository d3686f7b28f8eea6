-- Which decisions with an alert level stand?
--
-- One row a workflow whose newest decision about an occurrence, not older than @minutes, has one of @codes and an alert
-- level. Its severity is the decision's. It is repeated at each evaluation while it holds, so that it ends by itself. An
-- ABORT also ends with the next evaluation that decides something about its workflow: one of a whole workflow is about a
-- placeholder, which no later decision is about.
--
--   @as_of         TIMESTAMP = now  instant of the question; what came later does not count
--   @codes         STRING = not_found,budget_used,no_calendar,history_unavailable  reason codes, separated by commas
--   @minutes       INT64 = 35  age from which a decision says nothing of now
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH decided AS (
  SELECT
    workflow_name, occurrence_id, decision_time, action, reason_code, reason, alert_level,
    MIN(IF(alert_level != 'NONE', decision_time, NULL)) OVER (PARTITION BY occurrence_id, reason_code) AS first_at,
    MAX(IF(action != 'ABORT' AND reason_code != 'manual', decision_time, NULL)) OVER (
      PARTITION BY workflow_name
    ) AS decided_at,
    ROW_NUMBER() OVER (PARTITION BY occurrence_id ORDER BY decision_time DESC, decision_id) AS from_last
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND decision_time <= @as_of
    AND environment = @environment
    AND reason_code != 'parent_unfruitful'
)
SELECT
  workflow_name AS subject,
  MIN(first_at) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CASE MAX(CASE alert_level WHEN 'CRITICAL' THEN 3 WHEN 'WARNING' THEN 2 ELSE 1 END)
    WHEN 3 THEN 'CRITICAL' WHEN 2 THEN 'WARNING' ELSE 'INFO'
  END AS severity,
  workflow_name AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(workflow_name, ': ', ANY_VALUE(reason HAVING MAX decision_time)) AS summary
FROM decided
WHERE from_last = 1
  AND decision_time > TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
  AND alert_level != 'NONE'
  AND reason_code IN UNNEST(SPLIT(@codes, ','))
  -- Not those of the same evaluation: of several occurrences one alone may be impossible to decide.
  AND (action != 'ABORT' OR decided_at IS NULL OR decided_at <= decision_time)
GROUP BY workflow_name
ORDER BY workflow_name;

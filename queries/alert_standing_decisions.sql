-- Which decisions with an alert level are in force?
--
-- One row per workflow whose newest decision about an occurrence, not older than @minutes, has one of @codes and an alert
-- level. The severity is the decision's. Each evaluation repeats the decision while it holds, so that the row ends by
-- itself. An ABORT also ends with the next evaluation that decides about its workflow: the ABORT of a whole workflow
-- names a placeholder occurrence, which no later decision names. A decision about an occurrence whose scrapers have run
-- ends when another run, such as a manual one, has since found the missing data.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @codes         STRING = not_found,budget_used,no_calendar,history_unavailable  reason codes, separated by commas
--   @minutes       INT64 = 35  age from which a decision is too old to count
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
),
runs AS (
  SELECT
    e.occurrence_id, e.scraper_name, e.game_date, TO_JSON_STRING(e.opts) AS unit, e.triggered_at,
    e.status = 'success' AND JSON_VALUE(e.data_summary, '$.completeness.missing[0]') IS NULL AS is_found
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 1 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.occurrence_id IS NOT NULL
),
units AS (
  SELECT
    occurrence_id, scraper_name, game_date, unit, MIN(triggered_at) AS first_at, MAX(triggered_at) AS last_at
  FROM runs
  GROUP BY occurrence_id, scraper_name, game_date, unit
),
found AS (
  SELECT scraper_name, game_date, unit, MAX(triggered_at) AS found_at
  FROM runs
  WHERE is_found
  GROUP BY scraper_name, game_date, unit
),
found_since AS (
  SELECT units.occurrence_id
  FROM units
  LEFT JOIN found
    ON found.scraper_name = units.scraper_name AND found.game_date = units.game_date AND found.unit = units.unit
  GROUP BY units.occurrence_id
  -- Finds of other runs only: the occurrence's own finds were known to its decision.
  HAVING LOGICAL_AND(COALESCE(found.found_at >= units.first_at, FALSE))
    AND LOGICAL_OR(COALESCE(found.found_at > units.last_at, FALSE))
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
  AND occurrence_id NOT IN (SELECT found_since.occurrence_id FROM found_since)
  -- Not decisions of the same evaluation: it may be unable to decide one of several occurrences.
  AND (action != 'ABORT' OR decided_at IS NULL OR decided_at <= decision_time)
GROUP BY workflow_name
ORDER BY workflow_name;

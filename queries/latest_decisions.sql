-- Which decisions were made about each workflow lately, and why?
--
-- At most @per_workflow rows a workflow of the last two days, the newest first. Consecutive decisions not to run one
-- occurrence for one reason are one row, the newest, and times counts them.
--
--   @as_of         TIMESTAMP = now  instant of the question; later decisions do not count
--   @per_workflow  INT64 = 40       how many of each
--   @environment   STRING = prod    prod, staging, dev or local
--
-- decision_id, occurrence_id, workflow_name STRING, game_date DATE, decision_time TIMESTAMP, action, reason_code, reason
-- STRING, next_check_time TIMESTAMP, triggered_by, config_hash STRING, times INT64, since TIMESTAMP, context JSON

WITH decided AS (
  SELECT
    d.*,
    CONCAT(d.occurrence_id, d.action, d.reason_code, IF(d.action = 'SKIP', '', d.decision_id)) AS alike
  FROM nba_orchestration.decisions(DATE_SUB(DATE(@as_of), INTERVAL 2 DAY), DATE(@as_of)) AS d
  WHERE d.decision_time <= @as_of AND d.environment = @environment
),
told AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY alike) AS times,
    MIN(decision_time) OVER (PARTITION BY alike) AS since,
    ROW_NUMBER() OVER (PARTITION BY alike ORDER BY decision_time DESC, decision_id) AS place
  FROM decided
)
SELECT
  decision_id,
  occurrence_id,
  workflow_name,
  game_date,
  decision_time,
  action,
  reason_code,
  reason,
  next_check_time,
  triggered_by,
  config_hash,
  times,
  since,
  context
FROM told
WHERE place = 1
QUALIFY ROW_NUMBER() OVER (PARTITION BY workflow_name ORDER BY decision_time DESC, decision_id) <= @per_workflow
ORDER BY decision_time DESC, decision_id;

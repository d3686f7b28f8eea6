-- Why did this workflow run, or not, today?
--
-- One row a decision of the business day of @as_of, the newest first. An empty answer means that no decision was made:
-- see alert_critical_workflow_not_run and heartbeats.
--
--   @as_of          TIMESTAMP = now  instant of the question; later decisions do not count
--   @workflow_name  STRING           name in config/workflows.yaml
--   @environment    STRING = prod    prod, staging, dev or local
--
-- time_et STRING (HH:MM), action, reason_code, reason STRING, next_check_et STRING (HH:MM, with its date when that is
-- another; NULL when settled), context JSON

SELECT
  FORMAT_TIMESTAMP('%H:%M', d.decision_time, 'America/New_York') AS time_et,
  d.action,
  d.reason_code,
  d.reason,
  FORMAT_TIMESTAMP(
    IF(
      DATE(d.next_check_time, 'America/New_York') = DATE(d.decision_time, 'America/New_York'),
      '%H:%M', '%Y-%m-%d %H:%M'
    ),
    d.next_check_time, 'America/New_York'
  ) AS next_check_et,
  d.context
FROM nba_orchestration.decisions(
    DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL 1 DAY),
    DATE_ADD(DATE(@as_of, 'America/New_York'), INTERVAL 1 DAY)
  ) AS d
WHERE DATE(d.decision_time, 'America/New_York') = DATE(@as_of, 'America/New_York')
  AND d.decision_time <= @as_of
  AND d.workflow_name = @workflow_name
  AND d.environment = @environment
ORDER BY d.decision_time DESC, d.decision_id;

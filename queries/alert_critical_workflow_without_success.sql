-- Which CRITICAL workflows ran and have no success an hour later?
--
-- For notebooks and manual use, without an alert. The rule workflow-failing alerts for every workflow at its own level.
--
-- One row an expectation of the business day of @as_of whose first RUN is older than @minutes, without a successful
-- execution.
--
--   @as_of        TIMESTAMP = now  instant of the question
--   @minutes      INT64 = 60       time that a run has for its first success
--   @environment  STRING = prod    prod, staging, dev or local
--
-- workflow_name STRING, actual_run_time TIMESTAMP, executions INT64 (0: nothing was executed), last_reason STRING

SELECT
  workflow_name,
  actual_run_time,
  executions,
  actual_reason AS last_reason
FROM nba_orchestration.expected_vs_actual(@as_of, DATE(@as_of, 'America/New_York'))
WHERE environment = @environment
  AND priority = 'CRITICAL'
  AND status IN ('ON_TIME', 'LATE')
  AND NOT found
  AND actual_run_time < TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
ORDER BY actual_run_time, workflow_name;

-- Which CRITICAL workflows should have run and did not?
--
-- For notebooks and manual use, without an alert. The rule workflow-missing alerts for every workflow at its own level.
--
-- One row an expectation past its deadline, of the business day of @as_of and of the night before; and one when the
-- day's schedule is missing at 06:00, as nothing would be expected without it. The query starts from the expectations,
-- so it also covers days without any decision. A cancelled game, a day off and a slot whose time has not come raise
-- nothing.
--
--   @as_of        TIMESTAMP = now  instant of the question
--   @environment  STRING = prod    prod, staging, dev or local
--
-- alert_source, workflow_name STRING, expected_run_time, deadline TIMESTAMP, hours_overdue FLOAT64, last_action,
-- last_reason STRING (NULL: nothing was decided)

WITH outcomes AS (
  SELECT *
  FROM nba_orchestration.expected_vs_actual(@as_of, DATE(@as_of, 'America/New_York'))
  UNION ALL
  SELECT *
  FROM nba_orchestration.expected_vs_actual(@as_of, DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL 1 DAY))
  WHERE DATE(deadline, 'America/New_York') = DATE(@as_of, 'America/New_York')
),
locked AS (
  SELECT COUNT(*) AS expectations
  FROM nba_orchestration.expected_schedule(
      @as_of, DATE(@as_of, 'America/New_York'), DATE(@as_of, 'America/New_York')
    )
  WHERE environment = @environment
)
SELECT
  'daily_expected_schedule' AS alert_source,
  workflow_name,
  expected_run_time,
  deadline,
  ROUND(TIMESTAMP_DIFF(@as_of, deadline, SECOND) / 3600, 2) AS hours_overdue,
  action AS last_action,
  actual_reason AS last_reason
FROM outcomes
WHERE environment = @environment AND priority = 'CRITICAL' AND status = 'MISSING'
UNION ALL
SELECT
  'schedule_lock',
  'lock-schedule',
  CAST(NULL AS TIMESTAMP),
  CAST(NULL AS TIMESTAMP),
  CAST(NULL AS FLOAT64),
  CAST(NULL AS STRING),
  'No schedule is locked for today.'
FROM locked
WHERE expectations = 0 AND EXTRACT(HOUR FROM @as_of AT TIME ZONE 'America/New_York') >= 6
ORDER BY expected_run_time, workflow_name;

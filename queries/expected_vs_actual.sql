-- Which runs were expected today, and did they happen?
--
-- One row an expected occurrence of the business day of @as_of, and of the day before if its deadline falls after
-- midnight, because a night's work belongs to the day on which it began.
-- schemas/bigquery/nba_orchestration/fn_expected_vs_actual.sql explains each status.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rows do not count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- workflow_name, expected_time and actual_time (HH:MM in the fleet's zone; NULL without a run), status, expected_reason,
-- actual_reason: STRING

WITH outcomes AS (
  SELECT *
  FROM nba_orchestration.expected_vs_actual(@as_of, DATE(@as_of, 'America/New_York'))
  UNION ALL
  SELECT *
  FROM nba_orchestration.expected_vs_actual(
      @as_of, DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL 1 DAY)
    )
  WHERE DATE(deadline, 'America/New_York') = DATE(@as_of, 'America/New_York')
)
SELECT
  workflow_name,
  FORMAT_TIMESTAMP('%H:%M', expected_run_time, 'America/New_York') AS expected_time,
  FORMAT_TIMESTAMP('%H:%M', actual_run_time, 'America/New_York') AS actual_time,
  status,
  expected_reason,
  actual_reason
FROM outcomes
WHERE environment = @environment
ORDER BY expected_run_time, workflow_name, occurrence_id;

-- v_expected_schedule: daily_expected_schedule with one row an occurrence of a day.
--
-- The latest version counts: an occurrence that was cancelled may be added again.

CREATE OR REPLACE VIEW nba_orchestration.v_expected_schedule
OPTIONS(description='The expected schedule, one row an occurrence, as its latest version has it.')
AS
SELECT *
FROM nba_orchestration.daily_expected_schedule
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY date, environment, occurrence_id
  ORDER BY locked_at DESC, IF(state = 'CANCELLED', 0, 1), created_at DESC, schedule_row_id
) = 1;

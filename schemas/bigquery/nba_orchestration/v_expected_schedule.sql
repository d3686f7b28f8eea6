-- v_expected_schedule: daily_expected_schedule with one row an occurrence of a day.
--
-- A cancellation wins over whatever expected the occurrence; otherwise the latest version counts.

CREATE OR REPLACE VIEW nba_orchestration.v_expected_schedule
OPTIONS(description='The expected schedule, one row an occurrence; CANCELLED wins, else the latest version.')
AS
SELECT *
FROM nba_orchestration.daily_expected_schedule
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY date, environment, occurrence_id
  ORDER BY IF(state = 'CANCELLED', 0, 1), locked_at DESC, created_at DESC, schedule_row_id
) = 1;

-- expected_schedule(as_of, first_day, last_day): daily_expected_schedule with one row per occurrence of a day.
--
--   as_of                instant of the question; versions locked later do not count
--   first_day, last_day  business days, both included; only their partitions are read
--
-- The latest version counts: an occurrence that was cancelled may be added again.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.expected_schedule(
  as_of TIMESTAMP, first_day DATE, last_day DATE
)
AS (
  SELECT *
  FROM nba_orchestration.daily_expected_schedule
  WHERE date BETWEEN first_day AND last_day AND locked_at <= as_of
  QUALIFY ROW_NUMBER() OVER (
      PARTITION BY date, environment, occurrence_id
      ORDER BY locked_at DESC, IF(state = 'CANCELLED', 0, 1), created_at DESC, schedule_row_id
    ) = 1
);

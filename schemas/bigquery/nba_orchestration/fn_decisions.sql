-- decisions(first_day, last_day): workflow_decisions with one row a decision_id, the newest copy.
--
--   first_day, last_day  UTC days of decision_time, both included; only their partitions are read
--
-- Copies share decision_time, so its day is part of the window's key: a filter on DATE(decision_time) keeps its
-- meaning and can be applied before the window.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.decisions(first_day DATE, last_day DATE)
AS (
  SELECT *
  FROM nba_orchestration.workflow_decisions
  WHERE decision_time >= TIMESTAMP(first_day)
    AND decision_time < TIMESTAMP(DATE_ADD(last_day, INTERVAL 1 DAY))
  QUALIFY ROW_NUMBER() OVER (
      PARTITION BY decision_id, DATE(decision_time)
      ORDER BY created_at DESC, event_id
    ) = 1
);

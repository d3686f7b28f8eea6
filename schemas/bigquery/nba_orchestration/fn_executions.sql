-- executions(first_day, last_day): scraper_execution_log with one row per execution_id and UTC day.
--
-- The row is a success, if there is one, else the newest row of a real run, else the newest.
--
--   first_day, last_day  UTC days of triggered_at, both included; only their partitions are read
--
-- A request without an execution is presumed to have failed (data_summary.presumed); if it is executed after all, the
-- execution has another row, and the real outcome counts, whichever row came first.
-- Copies share triggered_at, so its day is part of the window's key: a filter on DATE(triggered_at) keeps its meaning
-- and can be applied before the window. The price: an execution that was presumed dead on one UTC day and ran on
-- another has a row on each. Count with COUNT(DISTINCT execution_id) where that matters.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.executions(first_day DATE, last_day DATE)
AS (
  SELECT *
  FROM nba_orchestration.scraper_execution_log
  WHERE triggered_at >= TIMESTAMP(first_day)
    AND triggered_at < TIMESTAMP(DATE_ADD(last_day, INTERVAL 1 DAY))
  QUALIFY ROW_NUMBER() OVER (
      PARTITION BY execution_id, DATE(triggered_at)
      ORDER BY
        status = 'success' DESC,
        JSON_VALUE(data_summary, '$.presumed') IS NULL DESC,
        created_at DESC,
        event_id
    ) = 1
);

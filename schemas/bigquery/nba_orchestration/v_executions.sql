-- v_executions: scraper_execution_log with one row an execution_id, the newest copy.
--
-- Copies share triggered_at, so its day is part of the window's key: a filter on DATE(triggered_at) keeps its
-- meaning and can be applied before the window.

CREATE OR REPLACE VIEW nba_orchestration.v_executions
OPTIONS(description='Scraper executions, one row an execution_id.')
AS
SELECT *
FROM nba_orchestration.scraper_execution_log
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY execution_id, DATE(triggered_at)
  ORDER BY created_at DESC, event_id
) = 1;

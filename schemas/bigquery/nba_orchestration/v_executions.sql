-- v_executions: executions() of all days: scraper_execution_log with one row per execution_id and
-- UTC day of triggered_at; fn_executions.sql explains the day.

CREATE OR REPLACE VIEW nba_orchestration.v_executions
OPTIONS(description='Scraper executions, one row per execution_id and UTC day of triggered_at.')
AS
SELECT *
FROM nba_orchestration.executions(DATE '1970-01-01', DATE '2999-12-31');

-- v_heartbeats: heartbeats() now: one row an environment and edge. For another instant, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_heartbeats
OPTIONS(description='Last activity on each side of each edge (ticks, decisions, executions, files, rows), one row an edge.')
AS
SELECT *
FROM nba_orchestration.heartbeats(CURRENT_TIMESTAMP());

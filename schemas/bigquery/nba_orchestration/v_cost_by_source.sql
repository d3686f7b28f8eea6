-- v_cost_by_source: cost_by_source() now, over the last thirty business days. For another span, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_cost_by_source
OPTIONS(description='Executions and seconds by source and environment over the last thirty business days.')
AS
SELECT *
FROM nba_orchestration.cost_by_source(CURRENT_TIMESTAMP(), 30);

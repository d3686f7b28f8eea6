-- v_decisions: workflow_decisions with one row a decision_id, the newest copy.
--
-- Copies share decision_time, so its day is part of the window's key: a filter on DATE(decision_time) keeps its
-- meaning and can be applied before the window.

CREATE OR REPLACE VIEW nba_orchestration.v_decisions
OPTIONS(description='Decisions of the controller, one row a decision_id.')
AS
SELECT *
FROM nba_orchestration.workflow_decisions
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY decision_id, DATE(decision_time)
  ORDER BY created_at DESC, event_id
) = 1;

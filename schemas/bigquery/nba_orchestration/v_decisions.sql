-- v_decisions: decisions() of all days: workflow_decisions with one row a decision_id.

CREATE OR REPLACE VIEW nba_orchestration.v_decisions
OPTIONS(description='Decisions of the controller, one row a decision_id.')
AS
SELECT *
FROM nba_orchestration.decisions(DATE '1970-01-01', DATE '2999-12-31');

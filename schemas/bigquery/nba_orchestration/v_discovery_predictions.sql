-- v_discovery_predictions: discovery_predictions() now, for the last thirty game dates. For others call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_discovery_predictions
OPTIONS(description='Predictions and results of each learned search for the last thirty game dates, one row per workflow and game date.')
AS
SELECT *
FROM nba_orchestration.discovery_predictions(
    CURRENT_TIMESTAMP(),
    DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 29 DAY),
    CURRENT_DATE('America/New_York')
  );

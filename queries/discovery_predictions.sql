-- Do learned searches find data at the predicted times?
--
-- One row per workflow and game date with a plan in a decision, the newest first: the predicted times beside the two checks
-- between which the data appeared. schemas/bigquery/nba_orchestration/fn_discovery_predictions.sql explains the columns.
--
--   @as_of        TIMESTAMP = now  instant of the question; the last day is its business day
--   @days         INT64 = 30       game dates to look back, that of @as_of included
--   @environment  STRING = prod    prod, staging, dev or local
--
-- workflow_name STRING, game_date DATE, strategy, fallback, model_version STRING, predicted_et (10% to 90%, HH:MM),
-- seen_et STRING (HH:MM), within_p10_p90 BOOL, expected_delay_minutes, most_delay_minutes FLOAT64, expected_checks FLOAT64,
-- checks_made INT64

SELECT
  workflow_name,
  game_date,
  strategy,
  fallback,
  model_version,
  CONCAT(
    FORMAT_TIMESTAMP('%H:%M', predicted_p10, 'America/New_York'), ' to ',
    FORMAT_TIMESTAMP('%H:%M', predicted_p90, 'America/New_York')
  ) AS predicted_et,
  CONCAT(
    COALESCE(FORMAT_TIMESTAMP('%H:%M', last_in_vain_at, 'America/New_York'), '-'), ' to ',
    COALESCE(FORMAT_TIMESTAMP('%H:%M', found_at, 'America/New_York'), '-')
  ) AS seen_et,
  within_p10_p90,
  expected_delay_minutes,
  ROUND(most_delay_minutes, 1) AS most_delay_minutes,
  expected_checks,
  checks_made
FROM nba_orchestration.discovery_predictions(
    @as_of,
    DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL (@days - 1) DAY),
    DATE(@as_of, 'America/New_York')
  )
WHERE environment = @environment
ORDER BY game_date DESC, workflow_name;

-- Who causes the work, and how many seconds of it?
--
-- One row per source and environment, the most executions first. Every environment and source counts, LOCAL too. The days
-- are business days, that of @as_of included.
--
--   @as_of  TIMESTAMP = now  instant of the question; later executions do not count
--   @days   INT64 = 30       number of business days
--
-- source, environment STRING, executions, successful INT64, avg_duration, total_seconds FLOAT64

SELECT
  source,
  environment,
  executions,
  successful,
  avg_duration,
  total_seconds
FROM nba_orchestration.cost_by_source(@as_of, @days)
ORDER BY executions DESC, source, environment;

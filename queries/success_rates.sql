-- How reliable was each scraper over the last business days?
--
-- One row a scraper that ran, the worst first. The rate is over runs that could succeed or fail: no_data is a proper
-- answer and neither. The days are New York days, that of @as_of included; runs of a developer's machine (LOCAL) do
-- not count. See schemas/bigquery/nba_orchestration/fn_success_rates.sql.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @days         INT64 = 7        number of New York days
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, total_runs, success_count, no_data_count, failed_count INT64, success_rate_pct (NULL without a
-- run that could tell), avg_duration_sec FLOAT64

SELECT
  scraper_name,
  total_runs,
  success_count,
  no_data_count,
  failed_count,
  success_rate_pct,
  avg_duration_sec
FROM nba_orchestration.success_rates(@as_of, @days)
WHERE environment = @environment
ORDER BY success_rate_pct IS NULL, success_rate_pct, scraper_name;

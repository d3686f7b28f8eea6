-- How reliable was each scraper over the last business days, and on how many of them did it find something?
--
-- One row per scraper that ran, the worst first: by the lower of its two shares; a missing rate sorts as 0.
-- success_rate_pct is over successes and failures: no_data is neither. found_share_pct is over the days on which the
-- scraper ran, so that a source without data does not look healthy. The days are business days, that of @as_of
-- included; runs of a developer's machine (LOCAL) do not count. See
-- schemas/bigquery/nba_orchestration/fn_success_rates.sql.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @days         INT64 = 7        number of business days
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, success_rate_pct (NULL without a success or failure, and after three days of nothing but
-- no_data), found_share_pct FLOAT64, note STRING (that it found nothing, else NULL), days_asked, days_found,
-- days_without_find (days_asked since the last find) INT64, last_found_at TIMESTAMP, total_runs, success_count,
-- no_data_count, failed_count INT64, avg_duration_sec FLOAT64

SELECT
  scraper_name,
  success_rate_pct,
  found_share_pct,
  note,
  days_asked,
  days_found,
  days_without_find,
  last_found_at,
  total_runs,
  success_count,
  no_data_count,
  failed_count,
  avg_duration_sec
FROM nba_orchestration.success_rates(@as_of, @days)
WHERE environment = @environment
ORDER BY LEAST(COALESCE(success_rate_pct, 0), found_share_pct), scraper_name;

-- How often has this scraper tried for the business day, and with what result?
--
-- Always one row. Each execution counts once, however many copies of its row there are. The day is the New York
-- date of @as_of and is compared with game_date; runs of a developer's machine (LOCAL) do not count.
--
--   @as_of         TIMESTAMP  instant of the question; later executions do not count
--   @scraper_name  STRING     registered name, e.g. nbac_injury_report
--   @environment   STRING     prod, staging, dev or local
--
-- attempts_today, found_data, no_data_yet, failures: INT64

WITH attempts AS (
  SELECT status, SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS records
  FROM nba_orchestration.scraper_execution_log
  WHERE DATE(triggered_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
    AND triggered_at <= @as_of
    AND game_date = DATE(@as_of, 'America/New_York')
    AND scraper_name = @scraper_name
    AND environment = @environment
    AND source != 'LOCAL'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY execution_id ORDER BY created_at DESC, event_id) = 1
)
SELECT
  COUNT(*) AS attempts_today,
  COUNTIF(status = 'success' AND records > 0) AS found_data,
  COUNTIF(status = 'no_data') AS no_data_yet,
  COUNTIF(status = 'failed') AS failures
FROM attempts;

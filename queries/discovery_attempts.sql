-- How often has this scraper tried for the business day, and with what result?
--
-- Always one row. Each execution counts once, also if its row has copies. The day is the business day of @as_of and is
-- compared with game_date; runs of a developer's machine (LOCAL) do not count.
--
--   @as_of         TIMESTAMP = now                  instant of the question; later executions do not count
--   @scraper_name  STRING                           registered name
--   @environment   STRING = prod                    prod, staging, dev or local
--
-- attempts_today, found_data, no_data_yet, failures: INT64

WITH attempts AS (
  SELECT e.status, SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 2 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at <= @as_of
    AND e.game_date = DATE(@as_of, 'America/New_York')
    AND e.scraper_name = @scraper_name
    AND e.environment = @environment
    AND e.source != 'LOCAL'
)
SELECT
  COUNT(*) AS attempts_today,
  COUNTIF(status = 'success' AND records > 0) AS found_data,
  COUNTIF(status = 'no_data') AS no_data_yet,
  COUNTIF(status = 'failed') AS failures
FROM attempts;

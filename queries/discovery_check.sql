-- Has this scraper found its data for the business day?
--
-- One row, none when nothing has been tried: the newest success if there is one (any success ends the search,
-- whatever failed after it), else the newest attempt. The day is the New York date of @as_of and is compared with
-- game_date, the date that the data is about; runs of a developer's machine (LOCAL) do not count.
--
--   @as_of         TIMESTAMP  instant of the question; later executions do not count
--   @scraper_name  STRING     registered name, e.g. nbac_injury_report
--   @environment   STRING     prod, staging, dev or local
--
-- status STRING, records INT64 (NULL when not stated), triggered_at TIMESTAMP, time_et STRING (11:05 AM)

WITH attempts AS (
  SELECT
    status, triggered_at, execution_id,
    SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS records
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
  status,
  records,
  triggered_at,
  FORMAT_TIMESTAMP('%I:%M %p', triggered_at, 'America/New_York') AS time_et
FROM attempts
ORDER BY IF(status = 'success', 0, 1), triggered_at DESC, execution_id
LIMIT 1;

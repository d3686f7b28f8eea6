-- Has this scraper found its data for the business day?
--
-- One row, none without an attempt: the newest success if there is one (any success ends the search, even if later runs
-- failed), else the newest attempt. Runs from two days before the day to two days after it count, those of a
-- developer's machine (LOCAL) not.
--
--   @as_of         TIMESTAMP = now                  instant of the question; later executions do not count
--   @scraper_name  STRING                           registered name
--   @game_date     DATE = today                     date that the data is about; the business day of @as_of
--   @environment   STRING = prod                    prod, staging, dev or local
--
-- status STRING, records INT64 (NULL when not stated), triggered_at TIMESTAMP, time_et STRING (11:05 AM)

WITH attempts AS (
  SELECT
    e.status, e.triggered_at, e.execution_id,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records
  FROM nba_orchestration.executions(
      DATE_SUB(@game_date, INTERVAL 2 DAY), DATE_ADD(@game_date, INTERVAL 2 DAY)
    ) AS e
  WHERE e.triggered_at <= @as_of
    AND e.game_date = @game_date
    AND e.scraper_name = @scraper_name
    AND e.environment = @environment
    AND e.source != 'LOCAL'
)
SELECT
  status,
  records,
  triggered_at,
  FORMAT_TIMESTAMP('%I:%M %p', triggered_at, 'America/New_York') AS time_et
FROM attempts
ORDER BY IF(status = 'success', 0, 1), triggered_at DESC, execution_id
LIMIT 1;

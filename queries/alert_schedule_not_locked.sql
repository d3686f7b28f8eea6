-- Is today's schedule locked?
--
-- One row when the business day of @as_of has no locked schedule by @minutes after midnight. Without a schedule nothing
-- is expected, and a missing run would go unnoticed. A day without expected runs has no schedule rows: it raises nothing
-- when every decision since its tick has no_games or day_done, those of manual runs aside.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @minutes       INT64 = 330  minutes after midnight by which it is locked: 30 after its tick; 330 is 05:30
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  -- By wall clock: on the two days on which the clocks change, the time since midnight differs.
  TIMESTAMP(
    DATETIME_ADD(DATETIME(DATE(@as_of, 'America/New_York')), INTERVAL @minutes MINUTE), 'America/New_York'
  ) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT('No schedule is locked for ', CAST(DATE(@as_of, 'America/New_York') AS STRING), '.') AS summary
FROM nba_orchestration.daily_expected_schedule
WHERE date = DATE(@as_of, 'America/New_York')
  AND locked_at <= @as_of
  AND environment = @environment
HAVING COUNT(*) = 0
  AND EXTRACT(HOUR FROM @as_of AT TIME ZONE 'America/New_York') * 60
  + EXTRACT(MINUTE FROM @as_of AT TIME ZONE 'America/New_York') >= @minutes
  AND NOT (
    SELECT COUNT(*) > 0 AND COUNTIF(reason_code NOT IN ('no_games', 'day_done')) = 0
    FROM nba_orchestration.workflow_decisions
    WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
      AND environment = @environment
      AND reason_code NOT IN ('parent_unfruitful', 'manual')
      AND decision_time <= @as_of
      -- Decisions before the tick may be about yesterday's runs.
      AND decision_time >= TIMESTAMP_SUB(
        TIMESTAMP(
          DATETIME_ADD(DATETIME(DATE(@as_of, 'America/New_York')), INTERVAL @minutes MINUTE), 'America/New_York'
        ),
        INTERVAL 30 MINUTE
      )
  );

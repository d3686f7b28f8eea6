-- Is today's schedule there?
--
-- One row when the New York day of @as_of has no locked schedule by @minutes after midnight. Without it nothing is
-- expected, and so nothing would be missed.
--
--   @as_of         TIMESTAMP = now  instant of the question; what came later does not count
--   @minutes       INT64 = 330  minutes after midnight by which it is locked; 330 is 05:30
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  TIMESTAMP_ADD(TIMESTAMP(DATE(@as_of, 'America/New_York'), 'America/New_York'), INTERVAL @minutes MINUTE) AS since,
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
  + EXTRACT(MINUTE FROM @as_of AT TIME ZONE 'America/New_York') >= @minutes;

-- Does the controller still decide?
--
-- One row when the newest decision is older than @minutes, or when there is none in two days. Each evaluation decides
-- about every workflow, with games or without, so silence means that no tick arrives or that the controller does not
-- answer it. A manual run comes without a tick and does not count.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @minutes       INT64 = 35  silence that is an alert; evaluations come every 15 minutes
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

SELECT
  '-' AS subject,
  TIMESTAMP_ADD(
    COALESCE(MAX(decision_time), TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)), INTERVAL @minutes MINUTE
  ) AS since,
  CAST(
    DIV(
      TIMESTAMP_DIFF(
        @as_of, COALESCE(MAX(decision_time), TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)), MICROSECOND
      ), 60000000
    ) AS FLOAT64
  ) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  COALESCE(
    CONCAT(
      'Nothing has been decided since ',
      FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', MAX(decision_time), 'America/New_York'), '.'
    ),
    'Nothing has been decided for two days.'
  ) AS summary
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
  AND decision_time <= @as_of
  AND environment = @environment
  AND reason_code NOT IN ('parent_unfruitful', 'manual')
HAVING COALESCE(MAX(decision_time), TIMESTAMP '1970-01-01 00:00:00+00')
  < TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE);

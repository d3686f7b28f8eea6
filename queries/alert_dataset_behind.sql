-- Do rows still reach the dataset, and in time?
--
-- One row when no row of any kind was written for @silent_minutes, or when rows of the last hour were written more than
-- @minutes after their event. The first copy of a row counts: Pub/Sub redelivers a message whose acknowledgement got
-- lost. Executions that are late by design are left out: those that cleanup adopted, and failures that the controller
-- presumed after a lease had expired. An ABORT for an unreadable history has the time of its tick, which may be delivered
-- long after it, so the time of its row counts.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @minutes       INT64 = 15  delay of a row that is an alert
--   @silent_minutes  INT64 = 40  silence of all tables that is an alert
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH copies AS (
  SELECT
    d.event_id, d.created_at, IF(d.reason_code = 'history_unavailable', d.created_at, d.decision_time) AS happened
  FROM nba_orchestration.workflow_decisions AS d
  WHERE DATE(d.decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND d.decision_time <= @as_of
    AND d.environment = @environment
  UNION ALL
  SELECT e.event_id, e.created_at, COALESCE(e.completed_at, e.triggered_at) AS happened
  FROM nba_orchestration.scraper_execution_log AS e
  WHERE DATE(e.triggered_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND NOT COALESCE(e.recovery, FALSE)
    AND JSON_VALUE(e.data_summary, '$.presumed') IS NULL
  UNION ALL
  SELECT c.event_id, c.created_at, c.cleanup_time AS happened
  FROM nba_orchestration.cleanup_operations AS c
  WHERE DATE(c.cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND c.cleanup_time <= @as_of
    AND c.environment = @environment
),
written AS (
  SELECT event_id, happened, MIN(created_at) AS created_at
  FROM copies
  GROUP BY event_id, happened
),
seen AS (
  SELECT
    MAX(happened) AS newest,
    COUNTIF(
      happened > TIMESTAMP_SUB(@as_of, INTERVAL 1 HOUR)
      AND created_at > TIMESTAMP_ADD(happened, INTERVAL @minutes MINUTE)
    ) AS late,
    MIN(
      IF(
        happened > TIMESTAMP_SUB(@as_of, INTERVAL 1 HOUR)
        AND created_at > TIMESTAMP_ADD(happened, INTERVAL @minutes MINUTE),
        happened, NULL
      )
    ) AS late_since
  FROM written
)
SELECT
  '-' AS subject,
  COALESCE(late_since, newest, TIMESTAMP_SUB(@as_of, INTERVAL 24 HOUR)) AS since,
  CAST(
    DIV(
      TIMESTAMP_DIFF(
        @as_of, COALESCE(late_since, newest, TIMESTAMP_SUB(@as_of, INTERVAL 24 HOUR)), MICROSECOND
      ), 60000000
    ) AS FLOAT64
  ) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  IF(
    late > 0,
    CONCAT(CAST(late AS STRING), ' rows of the last hour arrived late in the dataset.'),
    COALESCE(
      CONCAT(
        'No row of any kind has arrived since ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', newest, 'America/New_York'), '.'
      ),
      'No row of any kind has arrived for a day.'
    )
  ) AS summary
FROM seen
WHERE late > 0
  OR COALESCE(newest, TIMESTAMP '1970-01-01 00:00:00+00') < TIMESTAMP_SUB(@as_of, INTERVAL @silent_minutes MINUTE);

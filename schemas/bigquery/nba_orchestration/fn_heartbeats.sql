-- heartbeats(as_of): the last activity on each side of each edge of the system, as known at an instant.
--
--   as_of  instant of the question; partitions of its UTC day and the seven before are read
--
-- One row an environment and edge, also without activity: absence is a row of NULLs, never no row. from_last_seen and
-- to_last_seen are the newest instants on either side; NULL: none in seven days, or the dataset does not record that
-- side, as with ticks. unanswered counts the first side's requests of a day that the second has not answered, the
-- oldest at oldest_unanswered; NULL if the rows cannot show it.
--   ticks -> schedule        to: the newest lock
--   ticks -> decisions       from: the newest expected instant; owed: no decision about it when its deadline passed
--   ticks -> cleanup         to: the newest scan
--   decisions -> executions  owed: a RUN older than 15 minutes that no execution names
--   files -> receipts        owed: a file older than six hours without its receipt
--   events -> rows           from: the newest instant in any row; to: when the newest row was written

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.heartbeats(as_of TIMESTAMP)
AS (
  WITH decided AS (
    SELECT d.environment, d.decision_id, d.decision_time, d.action, d.scrapers_triggered, d.created_at
    FROM nba_orchestration.decisions(DATE_SUB(DATE(as_of), INTERVAL 7 DAY), DATE(as_of)) AS d
    WHERE d.decision_time <= as_of
  ),
  executed AS (
    SELECT e.environment, e.decision_id, e.triggered_at, e.completed_at, e.status, e.gcs_path, e.created_at
    FROM nba_orchestration.executions(DATE_SUB(DATE(as_of), INTERVAL 7 DAY), DATE(as_of)) AS e
    WHERE e.triggered_at <= as_of
  ),
  scheduled AS (
    SELECT s.environment, s.locked_at, s.expected_run_time, s.state, s.created_at
    FROM nba_orchestration.expected_schedule(
        as_of, DATE_SUB(DATE(as_of), INTERVAL 7 DAY), DATE_ADD(DATE(as_of), INTERVAL 1 DAY)
      ) AS s
  ),
  scanned AS (
    SELECT c.environment, c.cleanup_time, c.created_at
    FROM nba_orchestration.cleanup_operations AS c
    WHERE DATE(c.cleanup_time) BETWEEN DATE_SUB(DATE(as_of), INTERVAL 7 DAY) AND DATE(as_of)
      AND c.cleanup_time <= as_of
  ),
  received AS (
    SELECT r.environment, r.gcs_path, r.processed_at, r.created_at
    FROM nba_orchestration.file_receipts AS r
    WHERE DATE(r.processed_at) BETWEEN DATE_SUB(DATE(as_of), INTERVAL 7 DAY) AND DATE(as_of)
      AND r.processed_at <= as_of
  ),
  outcomes AS (
    SELECT v.environment, v.expected_run_time, v.deadline, v.status, v.action
    FROM nba_orchestration.expected_vs_actual(as_of, DATE(as_of, 'America/New_York')) AS v
    UNION ALL
    SELECT v.environment, v.expected_run_time, v.deadline, v.status, v.action
    FROM nba_orchestration.expected_vs_actual(
        as_of, DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL 1 DAY)
      ) AS v
  ),
  -- One row an observation: the side and its instant, or the instant since which an answer is owed.
  sightings AS (
    SELECT
      environment, 'ticks -> schedule' AS edge,
      CAST(NULL AS TIMESTAMP) AS seen_from, locked_at AS seen_to, CAST(NULL AS TIMESTAMP) AS owed_since
    FROM scheduled
    UNION ALL
    SELECT environment, 'ticks -> decisions', expected_run_time, NULL, NULL
    FROM scheduled
    WHERE state != 'CANCELLED' AND expected_run_time <= as_of
    UNION ALL
    SELECT environment, 'ticks -> decisions', NULL, decision_time, NULL
    FROM decided
    UNION ALL
    SELECT environment, 'ticks -> decisions', NULL, NULL, expected_run_time
    FROM outcomes
    WHERE status = 'MISSING' AND action IS NULL AND deadline > TIMESTAMP_SUB(as_of, INTERVAL 24 HOUR)
    UNION ALL
    SELECT environment, 'ticks -> cleanup', NULL, cleanup_time, NULL
    FROM scanned
    UNION ALL
    SELECT environment, 'decisions -> executions', decision_time, NULL, NULL
    FROM decided
    WHERE action = 'RUN'
    UNION ALL
    SELECT environment, 'decisions -> executions', NULL, triggered_at, NULL
    FROM executed
    WHERE decision_id IS NOT NULL
    UNION ALL
    SELECT d.environment, 'decisions -> executions', NULL, NULL, d.decision_time
    FROM decided AS d
    LEFT JOIN executed AS e
      ON e.environment = d.environment AND e.decision_id = d.decision_id
    WHERE d.action = 'RUN' AND ARRAY_LENGTH(d.scrapers_triggered) > 0 AND e.decision_id IS NULL
      AND d.decision_time > TIMESTAMP_SUB(as_of, INTERVAL 24 HOUR)
      AND d.decision_time <= TIMESTAMP_SUB(as_of, INTERVAL 15 MINUTE)
    UNION ALL
    SELECT environment, 'files -> receipts', triggered_at, NULL, NULL
    FROM executed
    WHERE status = 'success' AND gcs_path IS NOT NULL
    UNION ALL
    SELECT environment, 'files -> receipts', NULL, processed_at, NULL
    FROM received
    UNION ALL
    SELECT e.environment, 'files -> receipts', NULL, NULL, e.triggered_at
    FROM executed AS e
    LEFT JOIN received AS r
      ON r.environment = e.environment AND r.gcs_path = e.gcs_path
    WHERE e.status = 'success' AND e.gcs_path IS NOT NULL AND r.gcs_path IS NULL
      AND e.triggered_at > TIMESTAMP_SUB(as_of, INTERVAL 24 HOUR)
      AND e.triggered_at <= TIMESTAMP_SUB(as_of, INTERVAL 6 HOUR)
    UNION ALL
    SELECT environment, 'events -> rows', decision_time, created_at, NULL
    FROM decided
    UNION ALL
    SELECT environment, 'events -> rows', COALESCE(completed_at, triggered_at), created_at, NULL
    FROM executed
    UNION ALL
    SELECT environment, 'events -> rows', locked_at, created_at, NULL
    FROM scheduled
    UNION ALL
    SELECT environment, 'events -> rows', cleanup_time, created_at, NULL
    FROM scanned
    UNION ALL
    SELECT environment, 'events -> rows', processed_at, created_at, NULL
    FROM received
  ),
  seen AS (
    SELECT
      environment, edge,
      MAX(seen_from) AS from_last_seen,
      MAX(seen_to) AS to_last_seen,
      COUNT(owed_since) AS unanswered,
      MIN(owed_since) AS oldest_unanswered
    FROM sightings
    GROUP BY environment, edge
  )
  SELECT
    edge,
    s.from_last_seen,
    s.to_last_seen,
    IF(
      edge IN ('ticks -> decisions', 'decisions -> executions', 'files -> receipts'),
      COALESCE(s.unanswered, 0), NULL
    ) AS unanswered,
    s.oldest_unanswered,
    environment
  FROM UNNEST(['prod', 'staging', 'dev', 'local']) AS environment
  CROSS JOIN
    UNNEST([
      'ticks -> schedule', 'ticks -> decisions', 'ticks -> cleanup',
      'decisions -> executions', 'files -> receipts', 'events -> rows'
    ]) AS edge
  LEFT JOIN seen AS s
    USING (environment, edge)
);

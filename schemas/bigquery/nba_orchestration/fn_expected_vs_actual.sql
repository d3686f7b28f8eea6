-- expected_vs_actual(as_of, for_date): the outcome of each expected occurrence of a day, as known at an instant.
--
--   as_of     instant of the question; schedules, decisions and executions later than it do not count
--   for_date  business day of the schedule; with it only four daily partitions are read
--
-- An occurrence is joined to its own decisions by occurrence_id, so one run cannot satisfy two slots. status:
--   CANCELLED   no longer expected, as the latest version of the schedule says
--   TOO_EARLY   as_of is before the expected time
--   ON_TIME     first RUN no later than 30 minutes after the expected time
--   LATE        first RUN later than that
--   SKIPPED_OK  no RUN, and the last SKIP from the expected time on says already_found, no_games or superseded
--   PAUSED      no RUN, and the last SKIP from the expected time on says paused
--   PENDING     none of these, and as_of is not after the deadline
--   MISSING     none of these, after the deadline
-- action, reason_code and actual_reason are those of the first RUN, else of the last decision from the expected
-- time on (a SKIP as too early does not concern the slot). subject is the game or team of the occurrence, - for a
-- workflow of the whole day.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.expected_vs_actual(as_of TIMESTAMP, for_date DATE)
AS (
  WITH expected AS (
    SELECT
      date, workflow_name, occurrence_id, subject, expected_run_time, deadline, games_today, priority, reason,
      state, environment
    FROM nba_orchestration.expected_schedule(as_of, for_date, for_date)
  ),
  decided AS (
    SELECT
      d.environment, d.occurrence_id, d.decision_time, d.action, d.reason_code, d.reason,
      ROW_NUMBER() OVER (
        PARTITION BY d.environment, d.occurrence_id
        ORDER BY
          IF(d.action = 'RUN', 0, 1),
          IF(d.action = 'RUN', d.decision_time, NULL),
          d.decision_time DESC,
          d.decision_id
      ) AS telling
    FROM nba_orchestration.decisions(
        DATE_SUB(for_date, INTERVAL 1 DAY), DATE_ADD(for_date, INTERVAL 2 DAY)
      ) AS d
    INNER JOIN expected AS e
      ON e.environment = d.environment AND e.occurrence_id = d.occurrence_id
    WHERE d.decision_time <= as_of
      AND (d.action = 'RUN' OR d.decision_time >= e.expected_run_time)
  ),
  last_skip AS (
    SELECT d.environment, d.occurrence_id, d.reason_code
    FROM decided AS d
    WHERE d.action = 'SKIP'
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY d.environment, d.occurrence_id ORDER BY d.decision_time DESC
      ) = 1
  ),
  executed AS (
    SELECT
      environment, occurrence_id,
      COUNT(*) AS executions,
      COUNTIF(status = 'success') > 0 AS found
    FROM nba_orchestration.executions(
        DATE_SUB(for_date, INTERVAL 1 DAY), DATE_ADD(for_date, INTERVAL 2 DAY)
      )
    WHERE triggered_at <= as_of AND occurrence_id IS NOT NULL
    GROUP BY environment, occurrence_id
  )
  SELECT
    e.date,
    e.workflow_name,
    e.occurrence_id,
    e.expected_run_time,
    e.deadline,
    e.games_today,
    e.priority,
    e.reason AS expected_reason,
    IF(d.action = 'RUN', d.decision_time, NULL) AS actual_run_time,
    d.action,
    d.reason_code,
    d.reason AS actual_reason,
    COALESCE(x.executions, 0) AS executions,
    COALESCE(x.found, FALSE) AS found,
    CASE
      WHEN e.state = 'CANCELLED' THEN 'CANCELLED'
      WHEN as_of < e.expected_run_time THEN 'TOO_EARLY'
      WHEN d.action = 'RUN' AND d.decision_time <= TIMESTAMP_ADD(e.expected_run_time, INTERVAL 30 MINUTE)
        THEN 'ON_TIME'
      WHEN d.action = 'RUN' THEN 'LATE'
      WHEN s.reason_code IN ('already_found', 'no_games', 'superseded') THEN 'SKIPPED_OK'
      WHEN s.reason_code = 'paused' THEN 'PAUSED'
      WHEN as_of <= e.deadline THEN 'PENDING'
      ELSE 'MISSING'
    END AS status,
    e.environment,
    e.subject
  FROM expected AS e
  LEFT JOIN decided AS d
    ON d.environment = e.environment AND d.occurrence_id = e.occurrence_id AND d.telling = 1
  LEFT JOIN last_skip AS s
    ON s.environment = e.environment AND s.occurrence_id = e.occurrence_id
  LEFT JOIN executed AS x
    ON x.environment = e.environment AND x.occurrence_id = e.occurrence_id
);

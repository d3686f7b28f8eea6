-- discovery_status(as_of, for_date): has the data about a business day been found, as known at an instant?
--
--   as_of     instant of the question; schedules and executions later than it do not count
--   for_date  game_date, the business date that the data is about; partitions from two days before to two after
--
-- One row an environment, scraper and subject (a game, or - for the day as a whole) that was tried or that the schedule
-- expects: a scraper that did not run has a row too. Runs of a developer's machine (LOCAL) do not count. status:
--   FOUND      a success; later failures do not change it
--   TOO_EARLY  not tried, and its first expected time has not come
--   NOT_TRIED  not tried, and its first expected time has come
--   FAILING    the newest attempt failed
--   NOT_YET    the newest attempt found nothing yet

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.discovery_status(as_of TIMESTAMP, for_date DATE)
AS (
  WITH schedule AS (
    SELECT s.environment, s.occurrence_id, s.workflow_name, s.scrapers, s.state, s.expected_run_time, s.subject
    FROM nba_orchestration.expected_schedule(as_of, for_date, DATE_ADD(for_date, INTERVAL 2 DAY)) AS s
    WHERE s.game_date = for_date
  ),
  expected AS (
    SELECT
      s.environment, scraper AS scraper_name, COALESCE(s.subject, '-') AS subject,
      MIN(s.expected_run_time) AS first_expected_at,
      MIN(IF(s.expected_run_time > as_of, s.expected_run_time, NULL)) AS next_expected_at
    FROM schedule AS s
    CROSS JOIN UNNEST(s.scrapers) AS scraper
    WHERE s.state != 'CANCELLED'
    GROUP BY s.environment, scraper_name, subject
  ),
  subjects AS (
    SELECT s.environment, s.occurrence_id, MAX(s.subject) AS subject
    FROM schedule AS s
    GROUP BY s.environment, s.occurrence_id
  ),
  tried AS (
    SELECT
      e.environment, e.scraper_name,
      COALESCE(o.subject, JSON_VALUE(e.opts, '$.game_id'), '-') AS subject,
      e.execution_id, e.status, e.triggered_at, e.error_type, e.error_message,
      SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records
    FROM nba_orchestration.executions(
        DATE_SUB(for_date, INTERVAL 2 DAY), DATE_ADD(for_date, INTERVAL 2 DAY)
      ) AS e
    LEFT JOIN subjects AS o
      ON o.environment = e.environment AND o.occurrence_id = e.occurrence_id
    WHERE e.game_date = for_date AND e.triggered_at <= as_of AND e.source != 'LOCAL'
  ),
  ranked AS (
    SELECT
      t.*,
      ROW_NUMBER() OVER (
        PARTITION BY t.environment, t.scraper_name, t.subject ORDER BY t.triggered_at DESC, t.execution_id
      ) AS from_last,
      ROW_NUMBER() OVER (
        PARTITION BY t.environment, t.scraper_name, t.subject
        ORDER BY IF(t.status = 'success', 0, 1), t.triggered_at DESC, t.execution_id
      ) AS from_best
    FROM tried AS t
  ),
  attempts AS (
    SELECT
      r.environment, r.scraper_name, r.subject,
      COUNT(*) AS attempts,
      COUNTIF(r.status = 'success') AS found,
      COUNTIF(r.status = 'no_data') AS no_data_yet,
      COUNTIF(r.status = 'failed') AS failures,
      MIN(IF(r.status = 'success', r.triggered_at, NULL)) AS found_at,
      MAX(IF(r.from_best = 1 AND r.status = 'success', r.records, NULL)) AS records,
      MAX(r.triggered_at) AS last_attempt_at,
      MAX(IF(r.from_last = 1, r.status, NULL)) AS last_status,
      MAX(IF(r.from_last = 1, r.error_type, NULL)) AS last_error_type,
      MAX(IF(r.from_last = 1, r.error_message, NULL)) AS last_error_message
    FROM ranked AS r
    GROUP BY r.environment, r.scraper_name, r.subject
  )
  SELECT
    for_date AS game_date,
    COALESCE(a.scraper_name, x.scraper_name) AS scraper_name,
    COALESCE(a.subject, x.subject) AS subject,
    CASE
      WHEN a.found > 0 THEN 'FOUND'
      WHEN a.last_status = 'failed' THEN 'FAILING'
      WHEN a.attempts > 0 THEN 'NOT_YET'
      WHEN as_of < x.first_expected_at THEN 'TOO_EARLY'
      ELSE 'NOT_TRIED'
    END AS status,
    COALESCE(a.attempts, 0) AS attempts,
    COALESCE(a.no_data_yet, 0) AS no_data_yet,
    COALESCE(a.failures, 0) AS failures,
    a.found_at,
    a.records,
    a.last_attempt_at,
    a.last_error_type,
    a.last_error_message,
    x.first_expected_at,
    x.next_expected_at,
    COALESCE(a.environment, x.environment) AS environment
  FROM attempts AS a
  FULL OUTER JOIN expected AS x
    ON x.environment = a.environment AND x.scraper_name = a.scraper_name AND x.subject = a.subject
);

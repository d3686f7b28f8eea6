-- So many executions (@rows), back in time from @now at one every seven seconds, and what stands beside them: a quarter
-- as many decisions, a locked schedule a day and a scan an hour.
INSERT INTO nba_orchestration.scraper_execution_log (
  execution_id, request_id, event_id, decision_id, occurrence_id, scraper_name, workflow, game_date, status,
  triggered_at, completed_at, duration_seconds, source, environment, gcs_path, data_summary, error_type, error_message,
  retry_count, attempt, recovery, created_at
)
SELECT
  CONCAT('e', CAST(n AS STRING)), CONCAT('e', CAST(n AS STRING)), CONCAT('e', CAST(n AS STRING)),
  CONCAT('d', CAST(DIV(n, 4) AS STRING)), CONCAT('o', CAST(DIV(n, 4) AS STRING)),
  CONCAT('scraper_', CAST(MOD(n, 47) AS STRING)), CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)),
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 7 SECOND), 'America/New_York'),
  CASE WHEN MOD(n, 10) < 6 THEN 'success' WHEN MOD(n, 10) < 9 THEN 'no_data' ELSE 'failed' END,
  TIMESTAMP_SUB(@now, INTERVAL n * 7 SECOND), TIMESTAMP_SUB(@now, INTERVAL n * 7 - 2 SECOND), 2.0, 'CONTROLLER', 'prod',
  IF(MOD(n, 10) < 6, CONCAT('gs://bucket/', CAST(n AS STRING)), NULL), JSON '{"record_count": 12}',
  IF(MOD(n, 10) = 9, 'http', NULL), IF(MOD(n, 10) = 9, '503', NULL), 0, 1, FALSE, @now
FROM UNNEST(GENERATE_ARRAY(1, @rows)) AS n;

INSERT INTO nba_orchestration.workflow_decisions (
  decision_id, event_id, occurrence_id, decision_time, workflow_name, action, reason, reason_code, scrapers_triggered,
  priority, alert_level, environment, created_at
)
SELECT
  CONCAT('d', CAST(n AS STRING)), CONCAT('d', CAST(n AS STRING)), CONCAT('o', CAST(n AS STRING)),
  TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)),
  IF(MOD(n, 3) = 0, 'RUN', 'SKIP'), 'because', 'due', ['scraper_1'], 'HIGH', 'NONE', 'prod', @now
FROM UNNEST(GENERATE_ARRAY(1, DIV(@rows, 4))) AS n;

INSERT INTO nba_orchestration.daily_expected_schedule (
  schedule_row_id, event_id, occurrence_id, date, locked_at, workflow_name, expected_run_time, deadline, reason,
  scrapers, schedule_version, state, game_date, subject, environment, created_at
)
SELECT
  CONCAT('r', CAST(n AS STRING)), CONCAT('r', CAST(n AS STRING)), CONCAT('o', CAST(n AS STRING)),
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), 'America/New_York'), TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND),
  CONCAT('workflow_', CAST(MOD(n, 12) AS STRING)), TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND),
  TIMESTAMP_ADD(@now, INTERVAL 1 HOUR), 'expected', [CONCAT('scraper_', CAST(MOD(n, 47) AS STRING))], 'v1', 'EXPECTED',
  DATE(TIMESTAMP_SUB(@now, INTERVAL n * 28 SECOND), 'America/New_York'), '-', 'prod', @now
FROM UNNEST(GENERATE_ARRAY(1, DIV(@rows, 4), 20)) AS n;

INSERT INTO nba_orchestration.cleanup_operations (
  cleanup_id, event_id, cleanup_time, files_checked, missing_files_found, missing_files, errors, environment, created_at
)
SELECT
  CONCAT('c', CAST(n AS STRING)), CONCAT('c', CAST(n AS STRING)), TIMESTAMP_SUB(@now, INTERVAL n HOUR), 1, 1,
  [STRUCT('scraper_1' AS scraper_name, CONCAT('gs://bucket/', CAST(n AS STRING)) AS gcs_path,
    TIMESTAMP_SUB(@now, INTERVAL 300 MINUTE) AS triggered_at, 300 AS age_minutes, FALSE AS republished)],
  ARRAY<STRING>[], 'prod', @now
FROM UNNEST(GENERATE_ARRAY(0, 2000)) AS n;

-- scraper_execution_log: one row per execution of a scraper, whatever its outcome.
--
-- Three statuses: success (records were written; stop), no_data (the source answered, nothing published yet;
-- try again at the next occurrence), failed (a real error, in error_type and error_message).
-- Delivery is at least once, so copies of a row exist: read v_executions, which keeps one row per execution_id.
-- Filter on DATE(triggered_at), the partition, and on game_date, the date that the data is about.

CREATE TABLE IF NOT EXISTS nba_orchestration.scraper_execution_log (
  execution_id STRING NOT NULL OPTIONS(description='Identity of this execution; equal to request_id. A retry is a new execution.'),
  scraper_name STRING NOT NULL OPTIONS(description='Registered name of the scraper, e.g. nbac_injury_report.'),
  workflow STRING OPTIONS(description='Workflow that requested it, or MANUAL for a run outside any workflow.'),
  game_date DATE OPTIONS(description='Business date that the data is about, which is not always the date of the run. Discovery is keyed by it.'),
  status STRING NOT NULL OPTIONS(description='success (record count above 0), no_data (nothing published yet) or failed (a real error).'),
  triggered_at TIMESTAMP NOT NULL OPTIONS(description='Start of the execution, UTC. The table is partitioned by its UTC day.'),
  completed_at TIMESTAMP OPTIONS(description='End of the execution, UTC.'),
  duration_seconds FLOAT64 OPTIONS(description='Seconds from triggered_at to completed_at, transport retries included.'),
  source STRING NOT NULL OPTIONS(description='Surface it came from: CONTROLLER, MANUAL, LOCAL, CLOUD_RUN, SCHEDULER or RECOVERY. Set by the surface, never by the caller.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  triggered_by STRING OPTIONS(description='Identity of the requester: a service account, a user, or the host for LOCAL runs.'),
  gcs_path STRING OPTIONS(description='Object that holds the data, gs://bucket/name. NULL when nothing was written.'),
  data_summary JSON OPTIONS(description='Counts of the written data: record_count, and per game expected, got and missing if the scraper declares them; set_aside and contradictions, each count and examples, if the document is odd; presumed if the request got no answer; parsed_again if a kept payload was parsed and nothing fetched.'),
  error_type STRING OPTIONS(description='For failed, never NULL: timeout, blocked, source_changed, http, decode, quota or internal.'),
  error_message STRING OPTIONS(description='For failed, never NULL: the error, without secrets.'),
  retry_count INT64 OPTIONS(description='Transport retries inside this execution. Each attempt is a separate execution.'),
  recovery BOOL OPTIONS(description='TRUE when the run repairs an earlier loss rather than serving its own slot.'),
  run_id STRING OPTIONS(description='Groups the executions that one decision or one manual call started.'),
  opts JSON OPTIONS(description='Parameters the scraper declares as loggable (an allow-list); never credentials.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  occurrence_id STRING OPTIONS(description='uuid5 of (workflow, game_date, subject, slot number): the expectation this row belongs to. After a game the number is the time since tip-off, so a game that moves keeps it. NULL for a run outside any workflow.'),
  decision_id STRING OPTIONS(description='Decision that requested it (workflow_decisions.decision_id). NULL for a run outside any workflow.'),
  request_id STRING NOT NULL OPTIONS(description='uuid5 of (occurrence, step, scraper, parameters, attempt), or the caller Idempotency-Key.'),
  attempt INT64 OPTIONS(description='1 for the first try, one more for each retry.'),
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  config_hash STRING OPTIONS(description='Hash of the workflow configuration that was in force.'),
  service_version STRING OPTIONS(description='Release that published the execution: its version and commit. NULL in rows of older releases.')
)
PARTITION BY DATE(triggered_at)
CLUSTER BY scraper_name, workflow, status, source
OPTIONS(
  partition_expiration_days=90,
  description='Every scraper execution with its three-status outcome. Read v_executions for one row per execution.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Copies of one execution (0 rows is ideal; some are normal after a redelivery, the view hides them).
-- SELECT execution_id, COUNT(*) AS copies
-- FROM nba_orchestration.scraper_execution_log
-- WHERE DATE(triggered_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
-- GROUP BY execution_id HAVING COUNT(*) > 1;
--
-- Rows that break the three-status rule (must be 0 rows).
-- SELECT execution_id, status, error_type, JSON_VALUE(data_summary, '$.record_count') AS records
-- FROM nba_orchestration.scraper_execution_log
-- WHERE DATE(triggered_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
--   AND (status NOT IN ('success', 'no_data', 'failed')
--     OR (status = 'success'
--         AND COALESCE(SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64), 0) <= 0)
--     OR (status = 'failed' AND (error_type IS NULL OR error_message IS NULL)));
--
-- Latest rows.
-- SELECT scraper_name, game_date, status, source, triggered_at
-- FROM nba_orchestration.scraper_execution_log
-- WHERE DATE(triggered_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)
-- ORDER BY triggered_at DESC LIMIT 20;

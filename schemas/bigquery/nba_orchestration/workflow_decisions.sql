-- workflow_decisions: one row each time the controller evaluated an occurrence.
--
-- A SKIP at 11:00 and a RUN at 11:15 are two rows of one occurrence. Read v_decisions, which keeps one row a
-- decision_id, and v_expected_vs_actual for the outcome of each expectation.

CREATE TABLE IF NOT EXISTS nba_orchestration.workflow_decisions (
  decision_id STRING NOT NULL OPTIONS(description='uuid5 of (occurrence, tick): a second evaluation of the same tick gives the same id.'),
  decision_time TIMESTAMP NOT NULL OPTIONS(description='Instant of the decision, UTC. The table is partitioned by its UTC day.'),
  workflow_name STRING NOT NULL OPTIONS(description='Name in config/workflows.yaml.'),
  action STRING NOT NULL OPTIONS(description='RUN (requested its scrapers), SKIP (nothing to do now) or ABORT (could not decide; the tick is redelivered).'),
  reason STRING NOT NULL OPTIONS(description='Reason, as a sentence for people.'),
  context JSON OPTIONS(description='Inputs of the decision: history counts, calendar age, history_stale and so on.'),
  scrapers_triggered ARRAY<STRING> OPTIONS(description='Registered names of the scrapers requested. Empty unless RUN.'),
  target_games ARRAY<STRING> OPTIONS(description='Ids of the games of the occurrence. Empty for a workflow of the whole day.'),
  next_check_time TIMESTAMP OPTIONS(description='When this occurrence is evaluated next, UTC. NULL when it is settled.'),
  priority STRING OPTIONS(description='CRITICAL, HIGH, MEDIUM or LOW, from the configuration.'),
  alert_level STRING OPTIONS(description='NONE, INFO, WARNING, ERROR or CRITICAL: the urgency of the decision.'),
  controller_version STRING OPTIONS(description='Version of the controller that decided.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  triggered_by STRING OPTIONS(description='Cause of the evaluation: the tick or the caller of a manual trigger.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  reason_code STRING NOT NULL OPTIONS(description='Machine form of the reason, e.g. due, incomplete, already_found, no_games, too_early, superseded, history_unavailable.'),
  game_date DATE OPTIONS(description='Business date that the data is about.'),
  occurrence_id STRING NOT NULL OPTIONS(description='uuid5 of (workflow, game_date, subject, slot number): the expectation this row belongs to. After a game the number is the time since tip-off, so a game that moves keeps it.'),
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  config_hash STRING OPTIONS(description='Hash of the workflow configuration that was in force.')
)
PARTITION BY DATE(decision_time)
CLUSTER BY workflow_name, action, alert_level
OPTIONS(
  partition_expiration_days=90,
  description='Every evaluation of an occurrence by the controller: RUN, SKIP or ABORT, with its reason. Read v_decisions for one row a decision.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Decisions by action and reason today (the two UTC days it touches are scanned).
-- SELECT workflow_name, action, reason_code, COUNT(DISTINCT decision_id) AS decisions
-- FROM nba_orchestration.workflow_decisions
-- WHERE DATE(decision_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)
--   AND DATE(decision_time, 'America/New_York') = CURRENT_DATE('America/New_York')
-- GROUP BY workflow_name, action, reason_code
-- ORDER BY workflow_name, action, reason_code;
--
-- RUN decisions that requested nothing (must be 0 rows).
-- SELECT decision_id, workflow_name, decision_time
-- FROM nba_orchestration.workflow_decisions
-- WHERE DATE(decision_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
--   AND action = 'RUN' AND ARRAY_LENGTH(scrapers_triggered) = 0;
--
-- Evaluations that could not decide (0 rows in a healthy week).
-- SELECT decision_time, workflow_name, reason_code, reason
-- FROM nba_orchestration.workflow_decisions
-- WHERE DATE(decision_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND action = 'ABORT'
-- ORDER BY decision_time DESC;

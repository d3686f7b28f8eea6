-- daily_expected_schedule: the locked list of a day's expected runs, written at 05:00 in the fleet's zone.
--
-- A correction during the day (a postponed game, an added one) adds rows with state CANCELLED or ADDED under a
-- new schedule_version; nothing is rewritten. Read v_expected_schedule, which keeps one row per occurrence.

CREATE TABLE IF NOT EXISTS nba_orchestration.daily_expected_schedule (
  date DATE NOT NULL OPTIONS(description='Business day whose schedule this row belongs to. The partition. Instants late at night fall on the next date.'),
  locked_at TIMESTAMP NOT NULL OPTIONS(description='Instant at which this version of the schedule was computed, UTC.'),
  workflow_name STRING NOT NULL OPTIONS(description='Name in config/workflows.yaml.'),
  expected_run_time TIMESTAMP NOT NULL OPTIONS(description='Instant from which the workflow is expected, UTC.'),
  reason STRING OPTIONS(description='Why it is expected then (or why it was cancelled), as a sentence for people.'),
  scrapers ARRAY<STRING> OPTIONS(description='Registered names of the scrapers the workflow will ask for.'),
  games_today INT64 OPTIONS(description='Number of games on game_date when the schedule was computed.'),
  priority STRING OPTIONS(description='CRITICAL, HIGH, MEDIUM or LOW, from the configuration.'),
  schedule_version STRING NOT NULL OPTIONS(description='Hash of the calendar and the configuration that gave this schedule. Locking twice gives the same version.'),
  generated_by STRING OPTIONS(description='Service and version that wrote it.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  schedule_row_id STRING NOT NULL OPTIONS(description='uuid5 of (occurrence, schedule version, state): locking twice repeats it.'),
  occurrence_id STRING NOT NULL OPTIONS(description='uuid5 of (workflow, game_date, subject, slot number): the expectation this row belongs to. After a game the number is the time since tip-off, so a game that moves keeps it.'),
  state STRING NOT NULL OPTIONS(description='EXPECTED (in the morning lock), ADDED (became expected later) or CANCELLED (no longer expected).'),
  deadline TIMESTAMP NOT NULL OPTIONS(description='Instant after which an expectation without a run is missing, UTC.'),
  game_date DATE OPTIONS(description='Business date that the data is about; for post-game work often the day before date.'),
  subject STRING OPTIONS(description='Game id, team or - for a workflow of the whole day.'),
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  config_hash STRING OPTIONS(description='Hash of the workflow configuration that was in force.'),
  extra JSON OPTIONS(description='Fields without a column: unknown_fields holds, by path, the fields that a newer producer sent. NULL when there are none.')
)
PARTITION BY date
CLUSTER BY workflow_name, expected_run_time
OPTIONS(
  partition_expiration_days=90,
  description='The locked daily list of expected runs with their deadlines. Read v_expected_schedule for one row per occurrence.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Every day has a lock (one row per day and environment; a missing day is an incident).
-- SELECT date, environment, COUNT(DISTINCT occurrence_id) AS occurrences, MIN(locked_at) AS first_lock
-- FROM nba_orchestration.daily_expected_schedule
-- WHERE date >= DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 7 DAY)
-- GROUP BY date, environment ORDER BY date;
--
-- Expectations whose deadline is not after their time (must be 0 rows).
-- SELECT schedule_row_id, workflow_name, expected_run_time, deadline
-- FROM nba_orchestration.daily_expected_schedule
-- WHERE date >= DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 7 DAY)
--   AND deadline <= expected_run_time;
--
-- Today's expected runs.
-- SELECT workflow_name, FORMAT_TIMESTAMP('%H:%M', expected_run_time, 'America/New_York') AS expected_et,
--   state, games_today, reason
-- FROM nba_orchestration.daily_expected_schedule
-- WHERE date = CURRENT_DATE('America/New_York')
-- ORDER BY expected_run_time, workflow_name;

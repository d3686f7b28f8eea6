-- pause_events: one row when somebody pauses a workflow or a scraper, and one when the pause ends.
--
-- A pause stands from `since` until its end: `until`, or earlier when a second row says so. While it stands the
-- controller asks for nothing new of what is paused; what was asked for before is finished.

CREATE TABLE IF NOT EXISTS nba_orchestration.pause_events (
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  pause_id STRING NOT NULL OPTIONS(description='Identity of one pause; its beginning and its end share it.'),
  target STRING NOT NULL OPTIONS(description='What is paused: workflow or scraper.'),
  name STRING NOT NULL OPTIONS(description='Name of the workflow or the scraper.'),
  state STRING NOT NULL OPTIONS(description='paused, resumed (somebody ended it, or began another in its place) or expired (its time was over).'),
  changed_at TIMESTAMP NOT NULL OPTIONS(description='Instant of this change, UTC. The table is partitioned by its UTC day.'),
  since TIMESTAMP NOT NULL OPTIONS(description='Instant at which the pause began, UTC.'),
  until TIMESTAMP NOT NULL OPTIONS(description='Instant at which the pause ends by itself, UTC; at most 30 days after since.'),
  changed_by STRING NOT NULL OPTIONS(description='Who did this; of an expired pause who began it.'),
  why STRING NOT NULL OPTIONS(description='Why, in the words of the person who paused.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest.'),
  extra JSON OPTIONS(description='What has no column: unknown_fields holds, by their path, the fields that a newer producer sent. NULL when there is nothing.')
)
PARTITION BY DATE(changed_at)
CLUSTER BY target, name
OPTIONS(
  partition_expiration_days=90,
  description='Who paused which workflow or scraper, until when and why; and when it went on.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); what it should
-- answer stands above it.
--
-- What is paused now (0 rows on an ordinary day).
-- SELECT target, name, since, until, changed_by, why
-- FROM nba_orchestration.standing_pauses(CURRENT_TIMESTAMP())
-- ORDER BY until;
--
-- Pauses that end before they begin (must be 0 rows).
-- SELECT event_id, target, name, since, until
-- FROM nba_orchestration.pause_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 31 DAY) AND until <= since;
--
-- What was paused most in the last month (what is paused every week wants mending, not pausing).
-- SELECT target, name, COUNT(DISTINCT pause_id) AS pauses
-- FROM nba_orchestration.pause_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 31 DAY) AND state = 'paused'
-- GROUP BY target, name ORDER BY pauses DESC;

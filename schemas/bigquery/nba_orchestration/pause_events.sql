-- pause_events: one row when a person pauses a workflow or a scraper, and one when the pause ends.
--
-- A pause lasts from `since` until its end: `until`, or the instant of an earlier second row. Meanwhile the controller
-- publishes no new requests for the paused workflow or scraper; earlier requests are still executed.

CREATE TABLE IF NOT EXISTS nba_orchestration.pause_events (
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  pause_id STRING NOT NULL OPTIONS(description='Identity of one pause; its beginning and its end share it.'),
  target STRING NOT NULL OPTIONS(description='Kind of the paused thing: workflow or scraper.'),
  name STRING NOT NULL OPTIONS(description='Name of the workflow or the scraper.'),
  state STRING NOT NULL OPTIONS(description='paused, resumed (a person ended or replaced it) or expired (its time was over).'),
  changed_at TIMESTAMP NOT NULL OPTIONS(description='Instant of this change, UTC. The table is partitioned by its UTC day.'),
  since TIMESTAMP NOT NULL OPTIONS(description='Instant at which the pause began, UTC.'),
  until TIMESTAMP NOT NULL OPTIONS(description='Instant at which the pause ends by itself, UTC; at most 30 days after since.'),
  changed_by STRING NOT NULL OPTIONS(description='Who made this change; for an expired pause, who began the pause.'),
  why STRING NOT NULL OPTIONS(description='Reason, in the words of the person who paused.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  extra JSON OPTIONS(description='Fields without a column: unknown_fields holds, by path, the fields that a newer producer sent. NULL when there are none.')
)
PARTITION BY DATE(changed_at)
CLUSTER BY target, name
OPTIONS(
  partition_expiration_days=90,
  description='Who paused which workflow or scraper, until when and why; and when it resumed.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Current pauses (0 rows on an ordinary day).
-- SELECT target, name, since, until, changed_by, why
-- FROM nba_orchestration.standing_pauses(CURRENT_TIMESTAMP())
-- ORDER BY until;
--
-- Pauses that end before they begin (must be 0 rows).
-- SELECT event_id, target, name, since, until
-- FROM nba_orchestration.pause_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 31 DAY) AND until <= since;
--
-- The most paused in the last month (fix a workflow or scraper that is paused every week).
-- SELECT target, name, COUNT(DISTINCT pause_id) AS pauses
-- FROM nba_orchestration.pause_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 31 DAY) AND state = 'paused'
-- GROUP BY target, name ORDER BY pauses DESC;

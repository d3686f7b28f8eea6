-- alert_events: one row a change of an alert's state, as the monitor saw it.
--
-- An alert is a pair of rule and subject; its state at an instant is its newest row. pending: the condition holds, but
-- not yet for the rule's `for`; firing: it has held that long, and people were notified; escalated: it was not fixed in
-- time; resolved: it no longer holds.

CREATE TABLE IF NOT EXISTS nba_orchestration.alert_events (
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  alert_id STRING NOT NULL OPTIONS(description='Identity of one alert from its first sign to its end; the changes of one alert share it.'),
  rule STRING NOT NULL OPTIONS(description='Name of the rule in config/alerts.yaml, or a rule of the monitor about itself (not-watching, cannot-judge, channel-failing).'),
  subject STRING NOT NULL OPTIONS(description='Subject of the alert: a workflow, a scraper, a file or - for the whole system.'),
  state STRING NOT NULL OPTIONS(description='pending, firing, acknowledged, silenced, escalated, resolved or unknown.'),
  severity STRING NOT NULL OPTIONS(description='INFO, WARNING or CRITICAL, from the rule.'),
  changed_at TIMESTAMP NOT NULL OPTIONS(description='Instant of this change, UTC. The table is partitioned by its UTC day.'),
  since TIMESTAMP NOT NULL OPTIONS(description='Instant at which the condition was first seen, UTC.'),
  value FLOAT64 OPTIONS(description='The number that the rule compares; NULL if it compares none.'),
  summary STRING NOT NULL OPTIONS(description='The fault, as a sentence for people.'),
  context JSON OPTIONS(description='The row of the rule query that led to it.'),
  runbook STRING OPTIONS(description='Page under docs/runbooks.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.')
)
PARTITION BY DATE(changed_at)
CLUSTER BY rule, state
OPTIONS(
  partition_expiration_days=90,
  description='Every change of an alert: pending, firing, escalated, resolved.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Open alerts (0 rows on a healthy day).
-- SELECT rule, subject, state, severity, since, summary, runbook
-- FROM nba_orchestration.alert_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
-- QUALIFY ROW_NUMBER() OVER (PARTITION BY environment, rule, subject ORDER BY changed_at DESC, created_at DESC) = 1
--   AND state != 'resolved'
-- ORDER BY severity, since;
--
-- Changes that go back in time (must be 0 rows).
-- SELECT event_id, rule, subject, since, changed_at
-- FROM nba_orchestration.alert_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND changed_at < since;
--
-- How often each rule fired in the last week (a rule that fires every day is noise or a lasting fault).
-- SELECT rule, severity, COUNT(DISTINCT alert_id) AS alerts, COUNT(DISTINCT subject) AS subjects
-- FROM nba_orchestration.alert_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND state = 'firing'
-- GROUP BY rule, severity ORDER BY alerts DESC;

-- alert_events: one row a change of an alert's state, as whoever watches for it saw it.
--
-- One alert is one rule and subject; its state at an instant is its newest row. pending: the condition holds, not
-- yet for as long as the rule asks; firing: it does, and people were told; escalated: nobody mended it in time;
-- resolved: it holds no more.

CREATE TABLE IF NOT EXISTS nba_orchestration.alert_events (
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  alert_id STRING NOT NULL OPTIONS(description='Identity of one alert from its first sign to its end; the changes of one alert share it.'),
  rule STRING NOT NULL OPTIONS(description='Name of the rule in config/alerts.yaml, or one of the monitor about itself (not-watching, cannot-judge, channel-failing).'),
  subject STRING NOT NULL OPTIONS(description='What it is about: a workflow, a scraper, a file or - for the whole system.'),
  state STRING NOT NULL OPTIONS(description='pending, firing, acknowledged, silenced, escalated, resolved or unknown.'),
  severity STRING NOT NULL OPTIONS(description='INFO, WARNING or CRITICAL, from the rule.'),
  changed_at TIMESTAMP NOT NULL OPTIONS(description='Instant of this change, UTC. The table is partitioned by its UTC day.'),
  since TIMESTAMP NOT NULL OPTIONS(description='Instant at which the condition was first seen, UTC.'),
  value FLOAT64 OPTIONS(description='The number that the rule compares, where it has one.'),
  summary STRING NOT NULL OPTIONS(description='What is wrong, as a sentence for people.'),
  context JSON OPTIONS(description='The row of the rule query that led to it.'),
  runbook STRING OPTIONS(description='What to do: a page under docs/runbooks.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest.')
)
PARTITION BY DATE(changed_at)
CLUSTER BY rule, state
OPTIONS(
  partition_expiration_days=90,
  description='Every change of an alert: pending, firing, escalated, resolved.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); what it should
-- answer stands above it.
--
-- Alerts that stand now (0 rows on a healthy day).
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
-- How often each rule fired in the last week (a rule that fires every day is noise or an open wound).
-- SELECT rule, severity, COUNT(DISTINCT alert_id) AS alerts, COUNT(DISTINCT subject) AS subjects
-- FROM nba_orchestration.alert_events
-- WHERE DATE(changed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND state = 'firing'
-- GROUP BY rule, severity ORDER BY alerts DESC;

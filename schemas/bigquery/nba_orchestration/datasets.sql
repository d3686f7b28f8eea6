-- nba_orchestration: expected runs, decisions, executions and repairs of the scraper fleet.
--
-- Tables, one .sql file each with every field described:
--   scraper_execution_log     every execution with its three-status outcome
--   workflow_decisions        every evaluation: RUN, SKIP or ABORT and why
--   daily_expected_schedule   expected runs of each day, locked at 05:00 in the fleet's zone
--   cleanup_operations        every self-healing scan
--   file_receipts             files that Phase 2 has processed
--   dead_letters              messages that could not be handled
--   alert_events              every change of an alert
-- Views and table functions, one .sql file each, keep one row an id; people and dashboards read these.
--
-- Append-only. Partitions expire after 90 days and are archived to a bucket before. One writer: the logger.

CREATE SCHEMA IF NOT EXISTS nba_orchestration
OPTIONS(
  location='US',
  description='Orchestration of the scraper fleet: expected, decided, executed, repaired. Append-only, written by the logger alone.'
);

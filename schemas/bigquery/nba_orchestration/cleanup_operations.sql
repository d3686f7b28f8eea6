-- cleanup_operations: one row a scan for files that landed and were not processed.
--
-- missing_files is the state at that scan: ages are as of cleanup_time. A recently republished file does not count as
-- missing. Copies of a row share cleanup_id. The lists hold the oldest 500 files and 200 findings.

CREATE TABLE IF NOT EXISTS nba_orchestration.cleanup_operations (
  cleanup_id STRING NOT NULL OPTIONS(description='Identity of the scan, a function of its tick.'),
  cleanup_time TIMESTAMP NOT NULL OPTIONS(description='Instant of the scan, UTC. The table is partitioned by its UTC day.'),
  files_checked INT64 OPTIONS(description='Landed files of the lookback that were compared with the receipts.'),
  missing_files_found INT64 OPTIONS(description='Files judged lost: a later file has its receipt for longer than the grace, or six hours have passed.'),
  republished_count INT64 OPTIONS(description='Files republished in this scan, each with recovery = true.'),
  missing_files ARRAY<STRUCT<
    scraper_name STRING OPTIONS(description='Scraper that wrote the file.'),
    gcs_path STRING OPTIONS(description='Object path, gs://bucket/name.'),
    triggered_at TIMESTAMP OPTIONS(description='Start of the execution that wrote it, UTC.'),
    age_minutes INT64 OPTIONS(description='Whole minutes from triggered_at to the scan.'),
    republished BOOL OPTIONS(description='TRUE when this scan republished it.')
  >> OPTIONS(description='The lost files, as they were at this scan.'),
  errors ARRAY<STRING> OPTIONS(description='Errors that kept the scan incomplete, e.g. unreadable receipts. Then nothing is republished.'),
  duration_seconds FLOAT64 OPTIONS(description='Seconds the scan took.'),
  pubsub_enabled BOOL OPTIONS(description='FALSE is a dry run: it finds and reports, and republishes nothing.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  objects_missing INT64 OPTIONS(description='Lost files that could not be republished because their object is not in the bucket.'),
  adopted_count INT64 OPTIONS(description='Objects without an execution, which this scan gave an execution (source RECOVERY) and announced.'),
  given_up_count INT64 OPTIONS(description='Missing files that are not announced any more: announced max_republishes times without a receipt.'),
  storm_guard BOOL OPTIONS(description='TRUE when implausibly many files were missing. Then nothing is republished or adopted.'),
  phase2_behind BOOL OPTIONS(description='TRUE when files wait for Phase 2 and no later file has a receipt. They are not lost.'),
  findings ARRAY<STRUCT<
    kind STRING OPTIONS(description='object_missing, foreign_path, content_differs, unnameable_path, given_up, orphan_adopted, orphan_refused, orphan_superseded, orphan_storm or receipt_unknown_file. Each scan repeats findings of files while they hold.'),
    gcs_path STRING OPTIONS(description='Path of the finding, as found.'),
    detail STRING OPTIONS(description='The fault, as a sentence for people.')
  >> OPTIONS(description='Other findings, one entry per file or receipt; the scan changed nothing unless the entry says so.'),
  lost_after_hours INT64 OPTIONS(description='Hours without a receipt after which this scan took a file for lost. NULL in rows of older services.'),
  max_republishes INT64 OPTIONS(description='Times that this scan lets one file be republished. NULL in rows of older services.'),
  behind_since TIMESTAMP OPTIONS(description='When the oldest file that waits for Phase 2 landed, UTC. NULL unless phase2_behind.'),
  waiting_count INT64 OPTIONS(description='Files of the lookback without a receipt, lost or merely behind. NULL when the count failed.'),
  extra JSON OPTIONS(description='Fields without a column: unknown_fields holds, by path, the fields that a newer producer sent. NULL when there are none.'),
  service_version STRING OPTIONS(description='Release of cleanup that ran: its version and commit. NULL in rows of older releases.'),
  logger_version STRING OPTIONS(description='Release of the logger that wrote the row: its version and commit. NULL in rows of older releases.')
)
PARTITION BY DATE(cleanup_time)
CLUSTER BY missing_files_found, republished_count
OPTIONS(
  partition_expiration_days=90,
  description='Every self-healing scan: checked, lost and republished files.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Longest silence between scans in the last day (two hours and more is an incident; NULL means no scan at all).
-- SELECT MAX(DIV(TIMESTAMP_DIFF(cleanup_time, previous, MICROSECOND), 60000000)) AS longest_gap_minutes
-- FROM (
--   SELECT cleanup_time, LAG(cleanup_time) OVER (ORDER BY cleanup_time) AS previous
--   FROM nba_orchestration.cleanup_operations
--   WHERE DATE(cleanup_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)
-- );
--
-- Scans whose count disagrees with their list, which holds at most 500 files (must be 0 rows).
-- SELECT cleanup_id, missing_files_found, ARRAY_LENGTH(missing_files) AS listed
-- FROM nba_orchestration.cleanup_operations
-- WHERE DATE(cleanup_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
--   AND LEAST(missing_files_found, 500) != ARRAY_LENGTH(missing_files);
--
-- Findings of the last day, each as last seen.
-- SELECT f.kind, f.gcs_path, f.detail, c.cleanup_time
-- FROM nba_orchestration.cleanup_operations AS c
-- CROSS JOIN UNNEST(c.findings) AS f
-- WHERE DATE(c.cleanup_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)
-- QUALIFY ROW_NUMBER() OVER (PARTITION BY f.kind, f.gcs_path ORDER BY c.cleanup_time DESC) = 1
-- ORDER BY c.cleanup_time DESC;
--
-- Scans that the storm guard stopped in the last week (0 rows is healthy).
-- SELECT cleanup_time, files_checked, missing_files_found
-- FROM nba_orchestration.cleanup_operations
-- WHERE DATE(cleanup_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND storm_guard
-- ORDER BY cleanup_time DESC;
--
-- Scans that had errors.
-- SELECT cleanup_time, errors
-- FROM nba_orchestration.cleanup_operations
-- WHERE DATE(cleanup_time) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND ARRAY_LENGTH(errors) > 0
-- ORDER BY cleanup_time DESC;

-- file_receipts: one row a receipt, by which Phase 2 confirms that it has processed a file.
--
-- Receipts are keyed by the exact object path, so no reader has to infer processed files from raw tables.
-- A file may be processed more than once (a republish); any one receipt counts.

CREATE TABLE IF NOT EXISTS nba_orchestration.file_receipts (
  gcs_path STRING NOT NULL OPTIONS(description='Object that was processed, gs://bucket/name, exactly as announced.'),
  processor STRING NOT NULL OPTIONS(description='Phase 2 processor that handled it.'),
  processed_at TIMESTAMP NOT NULL OPTIONS(description='Instant at which it was done, UTC. The table is partitioned by its UTC day.'),
  row_count INT64 OPTIONS(description='Rows the processor wrote from the file. NULL when it does not count rows.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.'),
  event_id STRING NOT NULL OPTIONS(description='ce-id of the event this row was written from. Redelivery repeats it.'),
  extra JSON OPTIONS(description='Fields without a column: unknown_fields holds, by path, the fields that a newer producer sent. NULL when there are none.')
)
PARTITION BY DATE(processed_at)
CLUSTER BY gcs_path
OPTIONS(
  partition_expiration_days=90,
  description='Receipts of Phase 2: each processed object, its processor and the instant.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Receipts an hour in the last day (an empty hour during a game night means Phase 2 is behind).
-- SELECT TIMESTAMP_TRUNC(processed_at, HOUR) AS hour, COUNT(DISTINCT gcs_path) AS files
-- FROM nba_orchestration.file_receipts
-- WHERE DATE(processed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY)
-- GROUP BY hour ORDER BY hour;
--
-- Receipts for files that no execution wrote (must be 0 rows for this environment).
-- SELECT r.gcs_path, r.processor, r.processed_at
-- FROM nba_orchestration.file_receipts AS r
-- LEFT JOIN nba_orchestration.scraper_execution_log AS e
--   ON e.gcs_path = r.gcs_path AND DATE(e.triggered_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 14 DAY)
-- WHERE DATE(r.processed_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY) AND e.gcs_path IS NULL;

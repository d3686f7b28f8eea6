-- Executions number @first to @last, each with a file in @folder, back in time from @until at one every @millis.
INSERT INTO nba_orchestration.scraper_execution_log (
  execution_id, request_id, event_id, scraper_name, workflow, game_date, status, triggered_at, completed_at, source,
  environment, gcs_path, data_summary, created_at
)
SELECT
  CAST(n AS STRING), CAST(n AS STRING), CAST(n AS STRING), 'nbac_injury_report', 'w', day, 'success', at, at,
  'CONTROLLER', 'local', CONCAT(@folder, CAST(day AS STRING), '/', SUBSTR(digest, 1, 16), '.json'),
  PARSE_JSON(CONCAT('{"record_count": 1, "content_sha256": "', digest, '"}')), at
FROM (
  SELECT
    n, at, day,
    TO_HEX(SHA256(CONCAT(
      '{"scraper": "nbac_injury_report", "game_date": "', CAST(day AS STRING), '", "records": [', CAST(n AS STRING),
      ']}'
    ))) AS digest
  FROM (
    SELECT n, at, DATE(at, 'America/New_York') AS day
    FROM (SELECT n, TIMESTAMP_SUB(@until, INTERVAL CAST(n * @millis AS INT64) MILLISECOND) AS at
          FROM UNNEST(GENERATE_ARRAY(@first, @last)) AS n)
  )
);

-- Receipts of all files that have none, but for one in @every.
INSERT INTO nba_orchestration.file_receipts (gcs_path, processor, processed_at, environment, created_at, event_id)
SELECT gcs_path, 'p', TIMESTAMP_ADD(triggered_at, INTERVAL 1 MINUTE), 'local', triggered_at, gcs_path
FROM nba_orchestration.scraper_execution_log
WHERE gcs_path NOT IN (SELECT gcs_path FROM nba_orchestration.file_receipts)
  AND MOD(CAST(execution_id AS INT64), @every) != @every - 1;

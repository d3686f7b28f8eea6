-- Has self-healing stopped?
--
-- One row when the newest successful scan is older than @hours, or when there is none in two days: a maximum over no
-- rows is NULL, and NULL is older than everything. A scan with errors is not successful, except for the errors that
-- other alerts cover: no receipt at all (phase2-behind) and late rows (dataset-behind).
--
--   @as_of         TIMESTAMP = now  instant of the question; later scans do not count
--   @hours         INT64 = 2  silence that is an alert
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH scans AS (
  SELECT
    cleanup_time,
    (
      SELECT ANY_VALUE(error)
      FROM UNNEST(errors) AS error
      WHERE NOT STARTS_WITH(error, 'no receipts to compare with') AND NOT STARTS_WITH(error, 'the dataset is behind')
    ) AS error
  FROM nba_orchestration.cleanup_operations
  WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
    AND cleanup_time <= @as_of
    AND environment = @environment
),
seen AS (
  SELECT
    MAX(cleanup_time) AS newest,
    MAX(IF(error IS NULL, cleanup_time, NULL)) AS newest_well,
    COALESCE(
      MAX(IF(error IS NULL, cleanup_time, NULL)), TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)
    ) AS looked_at,
    ANY_VALUE(error HAVING MAX cleanup_time) AS error
  FROM scans
)
SELECT
  '-' AS subject,
  TIMESTAMP_ADD(looked_at, INTERVAL @hours HOUR) AS since,
  CAST(DIV(TIMESTAMP_DIFF(@as_of, looked_at, MICROSECOND), 60000000) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CASE
    WHEN newest IS NULL THEN 'Cleanup has not run for two days.'
    WHEN error IS NULL
      THEN CONCAT('Cleanup last ran at ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', newest, 'America/New_York'), '.')
    ELSE CONCAT(
        'Every scan of cleanup has failed',
        COALESCE(CONCAT(' since ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', newest_well, 'America/New_York')), ' for two days'),
        '; the last, at ', FORMAT_TIMESTAMP('%Y-%m-%d %H:%M', newest, 'America/New_York'), ', with: ', error
      )
  END AS summary
FROM seen
WHERE newest_well IS NULL OR newest_well < TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR);

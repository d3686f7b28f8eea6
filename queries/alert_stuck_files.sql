-- Which files can cleanup not recover?
--
-- One row per kind of finding, with its number of files: cleanup gave them up, or cannot announce them again, and since
-- its newest finding about a file neither a receipt came nor an announcement. A file that landed before cleanup's
-- lookback stays until @days after the newest finding. since: when the first of the files landed, as far as the scan
-- lists it, else when it was first found. By default unnameable_path is left out, as no receipt can name such a path and
-- end its row.
--
--   @as_of        TIMESTAMP = now                                             instant of the question
--   @kinds        STRING = given_up,object_missing,content_differs,foreign_path  kinds of findings, separated by commas
--   @days         INT64 = 30                                                  how far back findings are read
--   @environment  STRING = prod                                               prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH found AS (
  SELECT
    finding.kind,
    finding.gcs_path,
    MIN(COALESCE(
      (SELECT MIN(file.triggered_at) FROM UNNEST(c.missing_files) AS file WHERE file.gcs_path = finding.gcs_path),
      c.cleanup_time
    )) AS first_at,
    MAX(c.cleanup_time) AS last_at,
    ANY_VALUE(finding.detail HAVING MAX c.cleanup_time) AS detail
  FROM nba_orchestration.cleanup_operations AS c
  CROSS JOIN UNNEST(c.findings) AS finding
  WHERE DATE(c.cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
    AND c.cleanup_time <= @as_of
    AND c.environment = @environment
    AND finding.kind IN UNNEST(SPLIT(@kinds, ','))
  GROUP BY finding.kind, finding.gcs_path
),
announced AS (
  SELECT file.gcs_path, MAX(c.cleanup_time) AS last_at
  FROM nba_orchestration.cleanup_operations AS c
  CROSS JOIN UNNEST(c.missing_files) AS file
  WHERE DATE(c.cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
    AND c.cleanup_time <= @as_of
    AND c.environment = @environment
    AND file.republished
  GROUP BY file.gcs_path
),
received AS (
  SELECT DISTINCT r.gcs_path
  FROM nba_orchestration.file_receipts AS r
  -- A week more than findings: cleanup may still find a file after its receipt, if the receipt's row came late. The file
  -- would be reported again on the day on which the receipt leaves the span and the findings do not.
  WHERE DATE(r.processed_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL (@days + 7) DAY) AND DATE(@as_of)
    AND r.processed_at <= @as_of
    AND r.environment = @environment
)
SELECT
  found.kind AS subject,
  MIN(found.first_at) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    CAST(COUNT(*) AS STRING), IF(COUNT(*) = 1, ' file: ', ' files: '), found.kind, '; the newest is ',
    ANY_VALUE(found.gcs_path HAVING MAX found.first_at), ': ', ANY_VALUE(found.detail HAVING MAX found.first_at), '.'
  ) AS summary
FROM found
LEFT JOIN received
  ON received.gcs_path = found.gcs_path
LEFT JOIN announced
  ON announced.gcs_path = found.gcs_path AND announced.last_at > found.last_at
WHERE received.gcs_path IS NULL AND announced.gcs_path IS NULL
GROUP BY found.kind
ORDER BY found.kind;

-- Which sources contradict themselves or each other?
--
-- One row per scraper whose newest success broke a law of its data or of the calendar, and one when the newest successes
-- of @first and @second for one game date, both at least @minutes old, differ in their number of records. Each fleet
-- names its own pair of scrapers that should agree: by default none are compared.
--
--   @as_of         TIMESTAMP = now  instant of the question; later rows do not count
--   @first         STRING = -  a scraper
--   @second        STRING = -  the scraper that should agree with it
--   @minutes       INT64 = 60  age from which two answers are compared
--   @environment   STRING = prod  prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH recent AS (
  SELECT
    e.scraper_name, e.workflow, e.game_date, e.triggered_at, e.execution_id, e.data_summary,
    SAFE_CAST(JSON_VALUE(e.data_summary, '$.record_count') AS INT64) AS records
  FROM nba_orchestration.executions(DATE_SUB(DATE(@as_of), INTERVAL 2 DAY), DATE(@as_of)) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL 48 HOUR)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.status = 'success'
),
newest AS (
  SELECT *
  FROM recent
  QUALIFY ROW_NUMBER() OVER (PARTITION BY scraper_name ORDER BY triggered_at DESC, execution_id) = 1
),
of_date AS (
  SELECT *
  FROM recent
  WHERE scraper_name IN (@first, @second)
    AND triggered_at <= TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY scraper_name, game_date ORDER BY triggered_at DESC, execution_id) = 1
)
SELECT
  scraper_name AS subject,
  triggered_at AS since,
  CAST(NULL AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  workflow,
  scraper_name AS scraper,
  CONCAT(
    scraper_name, ' contradicts itself or the calendar: ',
    TO_JSON_STRING(JSON_QUERY(data_summary, '$.contradictions'))
  ) AS summary
FROM newest
WHERE JSON_QUERY(data_summary, '$.contradictions') IS NOT NULL
UNION ALL
SELECT
  CONCAT(@first, '/', @second) AS subject,
  MAX(GREATEST(a.triggered_at, b.triggered_at)) AS since,
  CAST(COUNT(*) AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  MAX(a.workflow) AS workflow,
  @first AS scraper,
  CONCAT(
    @first, ' has ', ANY_VALUE(CAST(a.records AS STRING) HAVING MAX a.game_date), ' records for ',
    CAST(MAX(a.game_date) AS STRING), ', and ', @second, ' has ',
    ANY_VALUE(CAST(b.records AS STRING) HAVING MAX a.game_date), '.'
  ) AS summary
FROM of_date AS a
INNER JOIN of_date AS b
  ON b.game_date = a.game_date
WHERE a.scraper_name = @first AND b.scraper_name = @second AND a.records != b.records
HAVING COUNT(*) > 0;

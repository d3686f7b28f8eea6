-- Which sources have impossible values?
--
-- One row per scraper with at least @min_runs documents in the last @hours that contradicted themselves, the clock or the
-- calendar, or had unreadable items, the most first. A single fetch of a game whose data is still incomplete raises
-- nothing; a source that lists no game of a game day in repeated fetches does. Runs of a developer's machine (LOCAL) do
-- not count.
--
--   @as_of        TIMESTAMP = now  instant of the question; later executions do not count
--   @hours        INT64 = 24       how far back
--   @min_runs     INT64 = 3        fewest documents of a scraper for a row
--   @environment  STRING = prod    prod, staging, dev or local
--
-- scraper_name STRING, contradicting_runs, contradictions, items_set_aside INT64, example STRING (of the newest run)

WITH told AS (
  SELECT
    e.scraper_name,
    e.triggered_at,
    COALESCE(SAFE_CAST(JSON_VALUE(e.data_summary, '$.contradictions.count') AS INT64), 0) AS contradictions,
    COALESCE(SAFE_CAST(JSON_VALUE(e.data_summary, '$.set_aside.count') AS INT64), 0) AS items_set_aside,
    COALESCE(
      JSON_VALUE(e.data_summary, '$.contradictions.examples[0]'),
      JSON_VALUE(e.data_summary, '$.set_aside.examples[0]')
    ) AS example
  FROM nba_orchestration.executions(
      DATE(TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)), DATE(@as_of)
    ) AS e
  WHERE e.triggered_at > TIMESTAMP_SUB(@as_of, INTERVAL @hours HOUR)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
)
SELECT
  scraper_name,
  COUNT(*) AS contradicting_runs,
  SUM(contradictions) AS contradictions,
  SUM(items_set_aside) AS items_set_aside,
  ARRAY_AGG(example ORDER BY triggered_at DESC LIMIT 1)[OFFSET(0)] AS example
FROM told
WHERE contradictions > 0 OR items_set_aside > 0
GROUP BY scraper_name
HAVING COUNT(*) >= @min_runs
ORDER BY contradicting_runs DESC, scraper_name;

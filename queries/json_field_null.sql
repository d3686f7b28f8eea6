-- Why does a field of data_summary read NULL?
--
-- One row per execution of the last business days, the newest first, with the whole value and a verdict: the column is
-- empty, the field is absent, a JSON null, an object or a list (JSON_VALUE takes scalars only), no integer (CAST would
-- end the query, SAFE_CAST gives NULL), or fine.
--
--   @as_of         TIMESTAMP = now              instant of the question; later executions do not count
--   @scraper_name  STRING                       registered name
--   @path          STRING = $.record_count      JSONPath of the field
--   @days          INT64 = 1                    number of business days
--   @environment   STRING = prod                prod, staging, dev or local
--
-- triggered_at TIMESTAMP, status, value, verdict, full_json STRING

SELECT
  e.triggered_at,
  e.status,
  JSON_VALUE(e.data_summary, @path) AS value,
  CASE
    WHEN e.data_summary IS NULL THEN 'data_summary is empty'
    WHEN JSON_QUERY(e.data_summary, @path) IS NULL THEN 'absent'
    WHEN JSON_VALUE(e.data_summary, @path) IS NULL THEN 'null, object or list'
    WHEN SAFE_CAST(JSON_VALUE(e.data_summary, @path) AS INT64) IS NULL THEN 'no integer'
    ELSE 'fine'
  END AS verdict,
  TO_JSON_STRING(e.data_summary) AS full_json
FROM nba_orchestration.executions(
    DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY), DATE(@as_of)
  ) AS e
WHERE DATE(e.triggered_at, 'America/New_York') > DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY)
  AND e.triggered_at <= @as_of
  AND e.scraper_name = @scraper_name
  AND e.environment = @environment
ORDER BY e.triggered_at DESC, e.execution_id;

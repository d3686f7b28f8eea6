-- Does every part still answer the one before it?
--
-- Always one row an edge; schemas/bigquery/nba_orchestration/fn_heartbeats.sql explains the edges.
--
--   @as_of        TIMESTAMP = now  instant of the question
--   @environment  STRING = prod    prod, staging, dev or local
--
-- edge STRING, from_last_seen, to_last_seen TIMESTAMP (NULL: not in seven days), silent_minutes INT64 (since
-- to_last_seen; 0 when that is after @as_of, as in a replayed day), unanswered INT64,
-- oldest_unanswered TIMESTAMP

SELECT
  edge,
  from_last_seen,
  to_last_seen,
  IF(to_last_seen > @as_of, 0, DIV(TIMESTAMP_DIFF(@as_of, to_last_seen, MICROSECOND), 60000000)) AS silent_minutes,
  unanswered,
  oldest_unanswered
FROM nba_orchestration.heartbeats(@as_of)
WHERE environment = @environment
ORDER BY edge;

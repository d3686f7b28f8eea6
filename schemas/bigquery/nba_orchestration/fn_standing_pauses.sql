-- standing_pauses(as_of): the pauses that stand at an instant, one row per workflow or scraper.
--
--   as_of  instant of the question; later events do not count
--
-- A pause lasts at most 30 days, so 31 daily partitions are enough.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.standing_pauses(as_of TIMESTAMP)
AS (
  WITH known AS (
    SELECT pause_id, target, name, state, since, until, changed_by, why, environment, created_at, event_id
    FROM nba_orchestration.pause_events
    WHERE changed_at >= TIMESTAMP_SUB(as_of, INTERVAL 31 DAY)
      AND changed_at <= as_of
  ),
  ended AS (
    SELECT DISTINCT environment, pause_id
    FROM known
    WHERE state != 'paused'
  )
  SELECT k.target, k.name, k.pause_id, k.since, k.until, k.changed_by, k.why, k.environment
  FROM known AS k
  LEFT JOIN ended AS e ON e.environment = k.environment AND e.pause_id = k.pause_id
  WHERE k.state = 'paused' AND k.until > as_of AND e.pause_id IS NULL
  QUALIFY ROW_NUMBER() OVER (
      PARTITION BY k.environment, k.target, k.name ORDER BY k.since DESC, k.created_at DESC, k.event_id
    ) = 1
);

-- Which messages were rejected lately?
--
-- One row per message of the last @days, the newest first, at most 200. `tipoff dead-letters show` has the payload.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rejections do not count
--   @days         INT64 = 7        how far back
--   @environment  STRING = prod    prod, staging, dev or local
--
-- event_id STRING, rejected_at TIMESTAMP, reason, detail, service, subscription, event_type STRING, payload_bytes,
-- delivery_attempts INT64

SELECT
  event_id,
  rejected_at,
  reason,
  detail,
  service,
  subscription,
  event_type,
  payload_bytes,
  delivery_attempts
FROM nba_orchestration.dead_letters
WHERE DATE(rejected_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
  AND rejected_at <= @as_of
  AND environment = @environment
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY created_at DESC) = 1
ORDER BY rejected_at DESC, event_id
LIMIT 200;

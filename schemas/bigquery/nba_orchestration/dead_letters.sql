-- dead_letters: one row per message that could not be handled, with the data needed to handle it manually.
--
-- reason: undecodable, oversized, unknown_type, invalid_payload and not_storable are refused at once and acknowledged;
-- delivery_attempts is a message that Pub/Sub gave up on after its last attempt.

CREATE TABLE IF NOT EXISTS nba_orchestration.dead_letters (
  event_id STRING NOT NULL OPTIONS(description='ce-id of the rejection, a function of the message: rejecting twice repeats it.'),
  rejected_at TIMESTAMP NOT NULL OPTIONS(description='Instant of the rejection, UTC. The table is partitioned by its UTC day.'),
  reason STRING NOT NULL OPTIONS(description='undecodable, oversized, unknown_type, invalid_payload, not_storable or delivery_attempts.'),
  detail STRING OPTIONS(description='The fault, as a sentence for people.'),
  service STRING OPTIONS(description='Service that refused it. NULL for delivery_attempts.'),
  subscription STRING OPTIONS(description='Subscription it came from.'),
  message_id STRING OPTIONS(description='messageId that Pub/Sub gave the message.'),
  event_type STRING OPTIONS(description='ce-type of the message, if it had one.'),
  attributes JSON OPTIONS(description='All attributes of the message.'),
  payload_path STRING OPTIONS(description='Object that holds the whole payload, gs://bucket/name.'),
  payload_sha256 STRING OPTIONS(description='SHA-256 of the payload, hexadecimal.'),
  payload_head STRING OPTIONS(description='First 64 KiB of the payload; bytes that are not UTF-8 are replaced.'),
  payload_bytes INT64 OPTIONS(description='Size of the payload in bytes.'),
  delivery_attempts INT64 OPTIONS(description='Attempts of Pub/Sub, if it reports them.'),
  environment STRING NOT NULL OPTIONS(description='Deployment that wrote the row: prod, staging, dev or local. Production decisions read prod rows only.'),
  created_at TIMESTAMP NOT NULL OPTIONS(description='Wall-clock instant at which the logger built this row. Copies of one row differ only here; the views keep the newest copy.')
)
PARTITION BY DATE(rejected_at)
CLUSTER BY reason, event_type
OPTIONS(
  partition_expiration_days=90,
  description='Messages that could not be handled: why, and where their payload is.'
);

-- Validation queries. Run each manually (bq query --use_legacy_sql=false '...'); the expected answer is above each.
--
-- Rejections by reason in the last week (0 rows is healthy).
-- SELECT reason, event_type, service, COUNT(DISTINCT event_id) AS messages, MAX(rejected_at) AS latest
-- FROM nba_orchestration.dead_letters
-- WHERE DATE(rejected_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
-- GROUP BY reason, event_type, service ORDER BY messages DESC;
--
-- Rejections without a stored payload (must be 0 rows).
-- SELECT event_id, reason, message_id
-- FROM nba_orchestration.dead_letters
-- WHERE DATE(rejected_at) >= DATE_SUB(CURRENT_DATE(), INTERVAL 7 DAY)
--   AND payload_path IS NULL AND payload_head IS NULL;

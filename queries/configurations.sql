-- Which configurations were in force, and since when?
--
-- One row a configuration and version of the controller with decisions, the newest first.
--
--   @as_of        TIMESTAMP = now  instant of the question; later decisions do not count
--   @days         INT64 = 30       how far back
--   @environment  STRING = prod    prod, staging, dev or local
--
-- config_hash, controller_version STRING, first_seen, last_seen TIMESTAMP, decisions INT64

SELECT
  config_hash,
  controller_version,
  MIN(decision_time) AS first_seen,
  MAX(decision_time) AS last_seen,
  COUNT(DISTINCT decision_id) AS decisions
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
  AND decision_time <= @as_of
  AND environment = @environment
GROUP BY config_hash, controller_version
ORDER BY last_seen DESC, first_seen DESC;

-- Do the services run one version, with one configuration?
--
-- One row a service whose newest row was written by another version than @version; also the controller when it decided
-- with another configuration, and the runner when its requests have another configuration, e.g. from a forgotten
-- controller. Cleanup and the logger read no workflows; their scrapers belong to their version. A parameter of - is not
-- compared, and a service without recent rows has none here.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rows do not count
--   @version      STRING = -  version of the caller
--   @config_hash  STRING = -  hash of the workflows file that the caller reads
--   @minutes      INT64 = 30       how far back rows are compared; above the rule's `for`, deployments raise alerts
--   @environment  STRING = prod    prod, staging, dev or local
--
-- subject (the service), severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH told AS (
  SELECT 'controller' AS service, decision_time AS told_at, controller_version AS version, config_hash
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND environment = @environment
    AND reason_code != 'parent_unfruitful'
  UNION ALL
  -- Presumed rows are the controller's, adopted rows cleanup's, and rows of a command a person's.
  SELECT 'scraper-runner' AS service, triggered_at AS told_at, service_version AS version, config_hash
  FROM nba_orchestration.scraper_execution_log
  WHERE DATE(triggered_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND environment = @environment
    AND source NOT IN ('LOCAL', 'RECOVERY')
    AND NOT COALESCE(recovery, FALSE)
    AND JSON_VALUE(data_summary, '$.presumed') IS NULL
  UNION ALL
  SELECT 'cleanup' AS service, cleanup_time AS told_at, service_version AS version, NULL AS config_hash
  FROM nba_orchestration.cleanup_operations
  WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND environment = @environment
  UNION ALL
  SELECT 'logger' AS service, cleanup_time AS told_at, logger_version AS version, NULL AS config_hash
  FROM nba_orchestration.cleanup_operations
  WHERE DATE(cleanup_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND environment = @environment
),
newest AS (
  SELECT
    service,
    MAX(told_at) AS told_at,
    ANY_VALUE(version HAVING MAX told_at) AS version,
    ANY_VALUE(config_hash HAVING MAX told_at) AS config_hash
  FROM told
  WHERE told_at > TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
    AND told_at <= @as_of
    AND version IS NOT NULL
  GROUP BY service
)
SELECT
  service AS subject,
  told_at AS since,
  CAST(NULL AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    'The ', service, ' runs version ', version, COALESCE(CONCAT(' by configuration ', config_hash), ''),
    '; the monitor is version ', @version, ' and reads ', @config_hash, '.'
  ) AS summary
FROM newest
WHERE (@version != '-' AND version != @version) OR (@config_hash != '-' AND config_hash != @config_hash);

-- Do the services run one version, by one configuration?
--
-- One row when the newest decisions were made by another configuration or version than the asker's, or by two of either
-- over more than one evaluation. What is - is not compared.
--
--   @as_of        TIMESTAMP = now  instant of the question; what came later does not count
--   @version      STRING = -  version of the asker
--   @config_hash  STRING = -  hash of the workflows file that the asker reads
--   @minutes      INT64 = 40       how far back decisions are compared; a deployment takes one evaluation
--   @environment  STRING = prod    prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH decided AS (
  SELECT decision_time, controller_version, config_hash
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 1 DAY) AND DATE(@as_of)
    AND decision_time > TIMESTAMP_SUB(@as_of, INTERVAL @minutes MINUTE)
    AND decision_time <= @as_of
    AND environment = @environment
    AND reason_code != 'parent_unfruitful'
),
newest AS (
  SELECT
    MAX(decision_time) AS decision_time,
    ANY_VALUE(controller_version HAVING MAX decision_time) AS version,
    ANY_VALUE(config_hash HAVING MAX decision_time) AS config_hash
  FROM decided
)
SELECT
  '-' AS subject,
  decision_time AS since,
  CAST(NULL AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  CAST(NULL AS STRING) AS workflow,
  CAST(NULL AS STRING) AS scraper,
  CONCAT(
    'The controller decides as version ', version, ' by configuration ', config_hash,
    '; the monitor is version ', @version, ' and reads ', @config_hash, '.'
  ) AS summary
FROM newest
WHERE (@version != '-' AND version != @version) OR (@config_hash != '-' AND config_hash != @config_hash);

-- How did each workflow run, day by day?
--
-- One row per workflow and day of its schedule, the newest day first. missed counts the occurrences whose deadline passed
-- without an execution or a decision that there was nothing to do. found: the occurrence found data and nothing failed
-- permanently; a find of another run, e.g. a manual one, counts too. Cancelled and future occurrences do not count.
--
--   @as_of        TIMESTAMP = now  instant of the question; later rows do not count
--   @days         INT64 = 90       number of business days, that of @as_of included
--   @environment  STRING = prod    prod, staging, dev or local
--
-- workflow_name STRING, day DATE, expected, ran, found, failed, missed INT64

WITH expected AS (
  SELECT s.date, s.workflow_name, s.occurrence_id, s.deadline
  FROM nba_orchestration.expected_schedule(
      @as_of,
      DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL (@days - 1) DAY),
      DATE(@as_of, 'America/New_York')
    ) AS s
  WHERE s.environment = @environment AND s.state != 'CANCELLED' AND s.expected_run_time <= @as_of
),
executions AS (
  SELECT e.occurrence_id, e.scraper_name, e.game_date, TO_JSON_STRING(e.opts) AS unit, e.status
  FROM nba_orchestration.executions(
      DATE_SUB(DATE(@as_of, 'America/New_York'), INTERVAL @days DAY), DATE(@as_of)
    ) AS e
  WHERE e.triggered_at <= @as_of AND e.environment = @environment AND e.source != 'LOCAL'
),
got AS (
  SELECT DISTINCT scraper_name, game_date, unit
  FROM executions
  WHERE status = 'success'
),
units AS (
  SELECT
    e.occurrence_id,
    COUNT(g.unit) > 0 AS found,
    COUNT(g.unit) = 0 AND COUNTIF(e.status = 'failed') > 0 AS failed
  FROM executions AS e
  LEFT JOIN got AS g ON g.scraper_name = e.scraper_name AND g.game_date = e.game_date AND g.unit = e.unit
  WHERE e.occurrence_id IS NOT NULL
  GROUP BY e.occurrence_id, e.scraper_name, e.unit
),
executed AS (
  SELECT
    occurrence_id,
    COUNTIF(found) > 0 AND COUNTIF(failed) = 0 AS found,
    COUNTIF(failed) > 0 AS failed
  FROM units
  GROUP BY occurrence_id
),
settled AS (
  SELECT d.occurrence_id
  FROM nba_orchestration.workflow_decisions AS d
  WHERE DATE(d.decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
    AND d.decision_time <= @as_of
    AND d.environment = @environment
    AND d.action = 'SKIP'
    AND d.reason_code IN ('already_found', 'no_games', 'superseded', 'paused')
  GROUP BY d.occurrence_id
)
SELECT
  e.workflow_name,
  e.date AS day,
  COUNT(*) AS expected,
  COUNTIF(x.occurrence_id IS NOT NULL) AS ran,
  COUNTIF(x.found) AS found,
  COUNTIF(x.failed) AS failed,
  COUNTIF(x.occurrence_id IS NULL AND s.occurrence_id IS NULL AND e.deadline < @as_of) AS missed
FROM expected AS e
LEFT JOIN executed AS x ON x.occurrence_id = e.occurrence_id
LEFT JOIN settled AS s ON s.occurrence_id = e.occurrence_id
GROUP BY e.workflow_name, e.date
ORDER BY e.date DESC, e.workflow_name;

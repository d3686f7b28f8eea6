-- discovery_predictions(as_of, first_date, last_date): predictions of learned searches for a day, and their results.
--
--   as_of                  instant of the question; decisions and executions later than it do not count
--   first_date, last_date  game dates; partitions from the day before to two days after are read
--
-- One row an environment, workflow and game date with a plan in a decision: a learned plan, or the fixed interval with
-- the reason in fallback. predicted_p10, _p50 and _p90 are the instants by which the document is published on that share
-- of the days, days without a publication in the window aside. The document appeared after last_in_vain_at and not later
-- than found_at, so most_delay_minutes is the longest possible delay of its discovery.
--
-- within_p10_p90 is TRUE if that interval overlaps the predicted interval: over many days it should be TRUE on 80 of
-- 100 or more, as intervals have a width. NULL on a day without success, or without a model. Failed runs are no
-- observations, and runs of a developer's machine (LOCAL) do not count.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.discovery_predictions(
  as_of TIMESTAMP, first_date DATE, last_date DATE
)
AS (
  WITH told AS (
    SELECT
      d.environment, d.workflow_name, d.game_date, d.context,
      ROW_NUMBER() OVER (
        PARTITION BY d.environment, d.workflow_name, d.game_date ORDER BY d.decision_time DESC, d.decision_id
      ) AS from_last
    FROM nba_orchestration.decisions(
        DATE_SUB(first_date, INTERVAL 1 DAY), DATE_ADD(last_date, INTERVAL 2 DAY)
      ) AS d
    WHERE d.game_date BETWEEN first_date AND last_date
      AND d.decision_time <= as_of
      AND JSON_VALUE(d.context, '$.discovery.strategy') IS NOT NULL
  ),
  plans AS (
    SELECT
      t.environment, t.workflow_name, t.game_date,
      JSON_VALUE(t.context, '$.discovery.strategy') AS strategy,
      JSON_VALUE(t.context, '$.discovery.fallback') AS fallback,
      JSON_VALUE(t.context, '$.discovery.model') AS model_version,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.days') AS INT64) AS days_known,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.calibration') AS FLOAT64) AS calibration,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.p10') AS TIMESTAMP) AS predicted_p10,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.p50') AS TIMESTAMP) AS predicted_p50,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.p90') AS TIMESTAMP) AS predicted_p90,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.expected_delay_minutes') AS FLOAT64) AS expected_delay_minutes,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.expected_checks') AS FLOAT64) AS expected_checks,
      SAFE_CAST(JSON_VALUE(t.context, '$.discovery.budget') AS INT64) AS budget
    FROM told AS t
    WHERE t.from_last = 1
  ),
  looks AS (
    SELECT
      e.environment, e.workflow, e.game_date, e.status, e.triggered_at,
      MIN(IF(e.status = 'success', e.triggered_at, NULL)) OVER (
        PARTITION BY e.environment, e.workflow, e.game_date
      ) AS found_at
    FROM nba_orchestration.executions(
        DATE_SUB(first_date, INTERVAL 1 DAY), DATE_ADD(last_date, INTERVAL 2 DAY)
      ) AS e
    WHERE e.game_date BETWEEN first_date AND last_date
      AND e.triggered_at <= as_of
      AND e.source != 'LOCAL'
      AND e.status != 'failed'
  ),
  seen AS (
    SELECT
      l.environment, l.workflow, l.game_date,
      MIN(l.found_at) AS found_at,
      MAX(
        IF(l.status = 'no_data' AND (l.found_at IS NULL OR l.triggered_at < l.found_at), l.triggered_at, NULL)
      ) AS last_in_vain_at,
      COUNTIF(l.found_at IS NULL OR l.triggered_at <= l.found_at) AS checks_made
    FROM looks AS l
    GROUP BY l.environment, l.workflow, l.game_date
  )
  SELECT
    p.game_date,
    p.workflow_name,
    p.strategy,
    p.fallback,
    p.model_version,
    p.days_known,
    p.calibration,
    p.predicted_p10,
    p.predicted_p50,
    p.predicted_p90,
    p.expected_delay_minutes,
    p.expected_checks,
    p.budget,
    COALESCE(s.checks_made, 0) AS checks_made,
    s.last_in_vain_at,
    s.found_at,
    TIMESTAMP_DIFF(s.found_at, s.last_in_vain_at, SECOND) / 60 AS most_delay_minutes,
    IF(
      s.found_at IS NULL OR p.predicted_p10 IS NULL, NULL,
      s.found_at >= p.predicted_p10 AND (s.last_in_vain_at IS NULL OR s.last_in_vain_at < p.predicted_p90)
    ) AS within_p10_p90,
    p.environment
  FROM plans AS p
  LEFT JOIN seen AS s
    ON s.environment = p.environment AND s.workflow = p.workflow_name AND s.game_date = p.game_date
);

-- Which scrapers have found nothing for unusually long?
--
-- One row per scraper that was expected on at least @expected_days of the days since its last success, and whose silence
-- is longer than @intervals of its own usual intervals: the span of its successes, divided by their days. A break in the
-- season has no expectations, and so raises nothing. Expectations do not count if they were cancelled, were paused at
-- their deadline, or ended with a decision that there was nothing to request.
--
--   @as_of          TIMESTAMP = now  instant of the question; later rows do not count
--   @intervals      INT64 = 3        usual intervals of silence that are an alert
--   @expected_days  INT64 = 2        days since the last success on which it was expected and found nothing
--   @days           INT64 = 30       how far back intervals are learned
--   @environment    STRING = prod    prod, staging, dev or local
--
-- subject, severity (NULL: the rule's), workflow, scraper, summary STRING, since TIMESTAMP, value FLOAT64

WITH found AS (
  SELECT
    e.scraper_name,
    ANY_VALUE(e.workflow HAVING MAX e.triggered_at) AS workflow,
    MAX(e.triggered_at) AS last_found,
    SAFE_DIVIDE(
      TIMESTAMP_DIFF(MAX(e.triggered_at), MIN(e.triggered_at), MINUTE), COUNT(DISTINCT DATE(e.triggered_at)) - 1
    ) AS usual_minutes
  FROM nba_orchestration.scraper_execution_log AS e
  WHERE DATE(e.triggered_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
    AND e.triggered_at <= @as_of
    AND e.environment = @environment
    AND e.source != 'LOCAL'
    AND e.status = 'success'
  GROUP BY e.scraper_name
),
decided AS (
  SELECT d.occurrence_id, d.reason_code
  FROM nba_orchestration.workflow_decisions AS d
  WHERE DATE(d.decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL @days DAY) AND DATE(@as_of)
    AND d.decision_time <= @as_of
    AND d.environment = @environment
    AND d.reason_code != 'parent_unfruitful'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY d.occurrence_id ORDER BY d.decision_time DESC, d.decision_id) = 1
),
paused AS (
  SELECT p.name, MIN(p.since) AS since, MIN(IF(p.state = 'paused', p.until, p.changed_at)) AS ended_at
  FROM nba_orchestration.pause_events AS p
  -- A pause lasts at most 30 days.
  WHERE DATE(p.changed_at) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL (@days + 31) DAY) AND DATE(@as_of)
    AND p.changed_at <= @as_of
    AND p.environment = @environment
    AND p.target = 'scraper'
  GROUP BY p.pause_id, p.name
),
expected AS (
  SELECT s.date, s.deadline, scraper
  FROM nba_orchestration.expected_schedule(@as_of, DATE_SUB(DATE(@as_of), INTERVAL @days DAY), DATE(@as_of)) AS s
  CROSS JOIN UNNEST(s.scrapers) AS scraper
  LEFT JOIN decided AS d
    ON d.occurrence_id = s.occurrence_id
  LEFT JOIN paused AS p
    ON p.name = scraper AND s.deadline > p.since AND s.deadline <= p.ended_at
  WHERE s.deadline <= @as_of
    AND s.environment = @environment
    AND s.state != 'CANCELLED'
    AND COALESCE(d.reason_code, '-') NOT IN ('paused', 'no_games', 'already_found', 'superseded')
    AND p.name IS NULL
),
waited AS (
  SELECT expected.scraper, COUNT(DISTINCT expected.date) AS days, MIN(expected.deadline) AS first_deadline
  FROM expected
  LEFT JOIN found
    ON found.scraper_name = expected.scraper
  WHERE found.last_found IS NULL OR expected.deadline > TIMESTAMP_ADD(found.last_found, INTERVAL 12 HOUR)
  GROUP BY expected.scraper
)
SELECT
  waited.scraper AS subject,
  COALESCE(found.last_found, waited.first_deadline) AS since,
  CAST(waited.days AS FLOAT64) AS value,
  CAST(NULL AS STRING) AS severity,
  found.workflow,
  waited.scraper,
  CONCAT(
    waited.scraper, ' has found nothing since ',
    FORMAT_TIMESTAMP(
      '%Y-%m-%d %H:%M', COALESCE(found.last_found, waited.first_deadline), 'America/New_York'
    ),
    ' and was expected on ', CAST(waited.days AS STRING), ' days.'
  ) AS summary
FROM waited
LEFT JOIN found
  ON found.scraper_name = waited.scraper
WHERE waited.days >= @expected_days
  AND (
    found.last_found IS NULL
    OR TIMESTAMP_DIFF(@as_of, found.last_found, MINUTE) > @intervals * COALESCE(found.usual_minutes, 1440)
  )
ORDER BY waited.scraper;

-- success_rates(as_of, days): how reliable each scraper was over the last business days.
--
--   as_of  instant of the question; its business day is the last one, later executions do not count
--   days   number of business days, that of as_of included; one UTC partition more is read
--
-- Two shares, as a healthy run may find nothing. success_rate_pct counts successes and failures only: no_data is
-- neither. found_share_pct is days_found of days_asked, the days on which the scraper ran. On the last
-- days_without_find of these days it found nothing.
--
-- success_rate_pct is NULL without a success or failure, and when all answers of the last three days or more were
-- no_data: older successes do not show that the scraper works now. In that case, and whenever three days found nothing,
-- note explains it.
-- Runs of a developer's machine (LOCAL) do not count.

CREATE OR REPLACE TABLE FUNCTION nba_orchestration.success_rates(as_of TIMESTAMP, days INT64)
AS (
  WITH runs AS (
    SELECT
      e.environment,
      e.scraper_name,
      e.status,
      e.triggered_at,
      e.duration_seconds,
      DATE(e.triggered_at, 'America/New_York') AS day
    FROM nba_orchestration.executions(
        DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL days DAY), DATE(as_of)
      ) AS e
    WHERE e.triggered_at >= TIMESTAMP(
        DATE_SUB(DATE(as_of, 'America/New_York'), INTERVAL (days - 1) DAY), 'America/New_York'
      )
      AND e.triggered_at <= as_of
      AND e.source != 'LOCAL'
  ),
  by_day AS (
    SELECT
      environment,
      scraper_name,
      day,
      COUNT(*) AS runs,
      COUNTIF(status = 'success') AS successes,
      COUNTIF(status = 'no_data') AS no_data,
      COUNTIF(status = 'failed') AS failures,
      MAX(IF(status = 'success', triggered_at, NULL)) AS found_at,
      SUM(duration_seconds) AS seconds,
      COUNT(duration_seconds) AS timed
    FROM runs
    GROUP BY environment, scraper_name, day
  ),
  ranked AS (
    SELECT
      *,
      MAX(IF(successes > 0, day, NULL)) OVER (PARTITION BY environment, scraper_name) AS last_found_day,
      MAX(IF(successes + failures > 0, day, NULL)) OVER (PARTITION BY environment, scraper_name) AS last_told_day
    FROM by_day
  ),
  totals AS (
    SELECT
      environment,
      scraper_name,
      SUM(runs) AS total_runs,
      SUM(successes) AS success_count,
      SUM(no_data) AS no_data_count,
      SUM(failures) AS failed_count,
      COUNT(*) AS days_asked,
      COUNTIF(successes > 0) AS days_found,
      COUNTIF(last_found_day IS NULL OR day > last_found_day) AS days_without_find,
      COUNTIF(last_told_day IS NULL OR day > last_told_day) AS days_of_no_data,
      MAX(found_at) AS last_found_at,
      SAFE_DIVIDE(SUM(seconds), SUM(timed)) AS seconds
    FROM ranked
    GROUP BY environment, scraper_name
  )
  SELECT
    scraper_name,
    total_runs,
    success_count,
    no_data_count,
    failed_count,
    IF(
      days_of_no_data >= 3, NULL, ROUND(SAFE_DIVIDE(success_count * 100.0, success_count + failed_count), 1)
    ) AS success_rate_pct,
    ROUND(seconds, 2) AS avg_duration_sec,
    environment,
    days_asked,
    days_found,
    ROUND(days_found * 100.0 / days_asked, 1) AS found_share_pct,
    days_without_find,
    last_found_at,
    IF(
      days_without_find >= 3 OR success_count + failed_count = 0,
      CONCAT(
        'found nothing on the last ',
        IF(days_without_find = 1, 'day', CONCAT(CAST(days_without_find AS STRING), ' days')),
        ' it was asked'
      ),
      NULL
    ) AS note
  FROM totals
);

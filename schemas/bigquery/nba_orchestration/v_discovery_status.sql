-- v_discovery_status: discovery_status() now, for the data about today and yesterday.
--
-- It includes yesterday, because a night's games are collected after midnight. For another instant or day, call the
-- function.

CREATE OR REPLACE VIEW nba_orchestration.v_discovery_status
OPTIONS(description='Whether the data about today and yesterday was found, one row per scraper and subject, tried or not.')
AS
SELECT *
FROM nba_orchestration.discovery_status(CURRENT_TIMESTAMP(), CURRENT_DATE('America/New_York'))
UNION ALL
SELECT *
FROM nba_orchestration.discovery_status(
    CURRENT_TIMESTAMP(), DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 1 DAY)
  );

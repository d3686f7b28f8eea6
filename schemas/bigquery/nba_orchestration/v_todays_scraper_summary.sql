-- v_todays_scraper_summary: scraper_summary() of today, now. For another instant or day, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_todays_scraper_summary
OPTIONS(description='Runs of each scraper today, one row per scraper that ran.')
AS
SELECT *
FROM nba_orchestration.scraper_summary(CURRENT_TIMESTAMP(), CURRENT_DATE('America/New_York'));

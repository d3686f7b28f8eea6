-- v_standing_pauses: standing_pauses() now: one row per workflow or scraper that is paused. For another instant, call the
-- function.

CREATE OR REPLACE VIEW nba_orchestration.v_standing_pauses
OPTIONS(description='Workflows and scrapers that are paused now, with who paused them, until when and why.')
AS
SELECT *
FROM nba_orchestration.standing_pauses(CURRENT_TIMESTAMP());

-- Which workflows and scrapers are paused, by whom, until when and why?
--
-- One row per workflow or scraper that is paused at the instant. The controller alone pauses; `tipoff pauses` reads the
-- controller itself, which also has changes without a row yet.
--
--   @as_of        TIMESTAMP = now  instant of the question; later changes do not count
--   @environment  STRING = prod    prod, staging, dev or local
--
-- target (workflow or scraper), name STRING, since, until TIMESTAMP, changed_by, why STRING

SELECT target, name, since, until, changed_by, why
FROM nba_orchestration.standing_pauses(@as_of)
WHERE environment = @environment
ORDER BY until, target, name;

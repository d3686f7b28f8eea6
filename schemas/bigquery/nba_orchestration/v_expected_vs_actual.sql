-- v_expected_vs_actual: expected_vs_actual now, for today and yesterday.
--
-- It includes yesterday, because a night's work ends after midnight. For another instant or day, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_expected_vs_actual
OPTIONS(description='Outcome of each occurrence expected today and yesterday, as of now.')
AS
SELECT *
FROM nba_orchestration.expected_vs_actual(CURRENT_TIMESTAMP(), CURRENT_DATE('America/New_York'))
UNION ALL
SELECT *
FROM nba_orchestration.expected_vs_actual(
    CURRENT_TIMESTAMP(), DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 1 DAY)
  );

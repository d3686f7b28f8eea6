-- v_missing_files: missing_files() now. For another instant, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_missing_files
OPTIONS(description='Files that landed and are not processed now, one row per file.')
AS
SELECT *
FROM nba_orchestration.missing_files(CURRENT_TIMESTAMP());

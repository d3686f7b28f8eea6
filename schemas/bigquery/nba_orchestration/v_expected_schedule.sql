-- v_expected_schedule: expected_schedule() of all days: one row per occurrence of a day, as its latest version has it.

CREATE OR REPLACE VIEW nba_orchestration.v_expected_schedule
OPTIONS(description='The expected schedule, one row per occurrence, as its latest version has it.')
AS
SELECT *
FROM nba_orchestration.expected_schedule(
    TIMESTAMP '2999-12-31 00:00:00+00', DATE '1970-01-01', DATE '2999-12-31'
  );

-- v_success_rates: success_rates() now, over the last seven business days. For another span, call the function.

CREATE OR REPLACE VIEW nba_orchestration.v_success_rates
OPTIONS(description='Success rate of each scraper over the last seven business days, without no_data, and the share of days on which it found data.')
AS
SELECT *
FROM nba_orchestration.success_rates(CURRENT_TIMESTAMP(), 7);

-- Which tables and views does the dataset have?
--
-- One row a table or view.
--
-- table_name, table_type STRING

SELECT table_name, table_type
FROM nba_orchestration.INFORMATION_SCHEMA.TABLES
ORDER BY table_name;

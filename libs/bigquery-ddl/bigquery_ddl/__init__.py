"""Reader of BigQuery's CREATE TABLE statements."""

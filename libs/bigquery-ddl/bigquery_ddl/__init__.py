"""Reads what a CREATE TABLE statement of BigQuery declares."""

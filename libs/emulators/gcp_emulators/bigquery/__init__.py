"""The embedded warehouse: bqemulator 1.4.0 behind a launcher that repairs its faults.

`python -m gcp_emulators.bigquery` serves BigQuery's REST and Storage gRPC interfaces on DuckDB. As published,
the emulator fails at what a warehouse is for: it cannot start offline, locks up under mixed traffic, loses what
DDL says about a table and answers one bad row with an error for all. Each module here repairs one part and each
repair is a function whose docstring names its fault; `repairs.apply_all` puts them in place before it starts.

What stays different from the real service and must not be relied on: deduplication by insertId, expiry of
partitions, partition pruning and bytes scanned, quotas, time travel, `num_rows` of a table.
"""

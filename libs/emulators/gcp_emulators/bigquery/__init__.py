"""The embedded warehouse: bqemulator 1.4.0 behind a launcher that repairs its faults.

`python -m gcp_emulators.bigquery` serves BigQuery's REST and Storage gRPC interfaces on DuckDB. As published, the
emulator is not usable as a warehouse: it cannot start offline, deadlocks under mixed traffic, loses a table's
declarations in DDL, and fails all rows of an insert for one bad row. Each module here repairs one part. Each repair is
a function whose docstring names its fault; `repairs.apply_all` applies them before the start.

Remaining differences from the real service: deduplication by insertId, expiry of partitions, partition pruning and
bytes scanned, quotas, time travel, `num_rows` of a table.
"""

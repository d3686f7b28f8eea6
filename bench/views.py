"""Each view of the dataset on a million executions in the embedded warehouse, beside a plain aggregate of the table.

    python -m bench.views [--rows 1000000] [--runs 5] [--json]

The rows reach back over 81 days at one every seven seconds; related rows are a quarter as many decisions, a locked
schedule for each day and a scan for each hour. Measured are the median time through Google's client, and the
warehouse's CPU time, which other load disturbs less. An aggregating view is read whole. A view with a row for each id
is queried for a count by status, every column (the largest query), one day, and the newest hundred rows. Ten thousand
rows of the table itself show the time to transfer rows rather than to find them. The plain aggregate over the same
million rows is the cost of reading the table once; `ratio` is the ratio to it.
"""

from __future__ import annotations

import time

from bench.command import Figures, run
from bench.embedded import EmbeddedWarehouse, embedded_warehouse
from bench.measures import cpu_seconds, median_ms
from tipoff_dataset.files import SCHEMAS, ordered_files

PLAIN = "one aggregate over the table"
TABLE = {
    PLAIN: "SELECT COUNT(*) AS n, SUM(duration_seconds) AS s FROM nba_orchestration.scraper_execution_log",
    "10,000 rows of the table, handed over": "SELECT * FROM nba_orchestration.scraper_execution_log LIMIT 10000",
}
BY_ID = {
    "v_executions": ("status", "triggered_at"),
    "v_decisions": ("action", "decision_time"),
    "v_expected_schedule": ("state", "expected_run_time"),
}
"""The views with a row for each id, with their usual grouping column and the instant by which they are ordered."""


def questions(warehouse: EmbeddedWarehouse, view: str) -> dict[str, str]:
    """Return the queries of a view, by their printed names."""
    table = f"nba_orchestration.{view}"
    if view not in BY_ID:
        return {view: f"SELECT * FROM {table}"}  # noqa: S608
    columns = warehouse.client.get_table(table).schema
    looks = ", ".join(f"COUNT({column.name}) AS {column.name}" for column in columns)
    group, instant = BY_ID[view]
    day = f"DATE({instant}) = DATE_SUB(CURRENT_DATE(), INTERVAL 3 DAY)"
    return {
        f"{view}, by {group}": f"SELECT {group}, COUNT(*) AS n FROM {table} GROUP BY {group}",  # noqa: S608
        f"{view}, every column": f"SELECT COUNT(*) AS n, {looks} FROM {table}",  # noqa: S608
        f"{view}, one day by {group}": f"SELECT {group}, COUNT(*) AS n FROM {table} WHERE {day} GROUP BY {group}",  # noqa: S608
        f"{view}, newest 100": f"SELECT * FROM {table} ORDER BY {instant} DESC LIMIT 100",  # noqa: S608
    }


def measure(warehouse: EmbeddedWarehouse, sql: str, runs: int) -> dict[str, float]:
    """Return the number of rows of the answer, and the medians of the clock and of the warehouse's CPU."""
    seconds, cpu, rows = [], [], 0
    for _ in range(runs):
        begun, before = time.perf_counter(), cpu_seconds(warehouse.process)
        rows = len(warehouse.ask(sql))
        seconds.append(time.perf_counter() - begun)
        cpu.append(cpu_seconds(warehouse.process) - before)
    return {"rows": rows, "ms": median_ms(seconds), "cpu_ms": median_ms(cpu)}


def main(rows: int = 1_000_000, runs: int = 5) -> Figures:
    """Measure."""
    with embedded_warehouse() as warehouse:
        warehouse.fill(rows)
        asked = dict(TABLE)
        for file in ordered_files(SCHEMAS):
            if file.stem.startswith("v_"):
                asked |= questions(warehouse, file.stem)
        found = {name: measure(warehouse, sql, runs) for name, sql in asked.items()}
    for one in found.values():
        one["ratio"] = round(one["ms"] / found[PLAIN]["ms"], 1)
    return {"executions": rows, "view": found}


if __name__ == "__main__":
    run(main)

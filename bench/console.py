"""Each page of the console after more and more executions, beside an answer of the same server without a page.

    python -m bench.console [--executions 10000 100000 1000000] [--tabs 40] [--minutes 3] [--json]

The monitor's real application runs in its own process beside the embedded warehouse; both restart for each size. Tabs
of every page refresh as a browser's do, each every 30 s, for some minutes; meanwhile the bench opens each page again
and again. Measured are the 95th percentiles of the whole answer and, for the last size, of its first byte. `growth` is
from the first size to the last, `to_plain` the ratio to /healthz. Exit code 1 when the monitor sent the warehouse more
standing statements in any minute than docs/how-to/console.md promises.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from bench.command import Figures, run
from bench.embedded import EmbeddedWarehouse
from bench.measures import p95_ms
from tipoff_cli.commands.tables import embedded_client
from tipoff_dev.stack.layout import HOST, PROJECT, Layout
from tipoff_dev.stack.stack import StackOptions, running_stack

PLAIN = "/healthz"
PAGES = (
    "/", "/workflows/injury_discovery", "/scrapers", "/scrapers/nbac_schedule", "/run?id=o1000", "/alerts", "/files",
    "/dead-letters", "/configuration", PLAIN,
)  # fmt: skip
REFRESH_SECONDS = 30.0
OPEN_SECONDS = 2.0
MINUTE = timedelta(minutes=1)
JOBS_A_MINUTE = 3
Opened = Mapping[str, list[tuple[float, float]]]
"""Seconds to the first and to the last byte of each opening, by page."""


def fetch(layout: Layout, path: str, *, refresh: bool = False) -> tuple[float, float]:
    """Return the seconds to the first byte and to the last."""
    headers = {"Authorization": f"Bearer {layout.development_key}"}
    connection = http.client.HTTPConnection(HOST, layout.ports["monitor"], timeout=120)
    begun = time.perf_counter()
    connection.request("GET", path, headers=headers | ({"X-Tipoff-Refresh": "1"} if refresh else {}))
    answer = connection.getresponse()
    first = time.perf_counter() - begun
    answer.read()
    connection.close()
    assert answer.status == 200, (path, answer.status)
    return first, time.perf_counter() - begun


def open_pages(layout: Layout, tabs: int, minutes: float) -> Opened:
    """Open pages, with tabs refreshing in the background, for so many minutes."""
    opened: Opened = {page: [] for page in PAGES}
    for page in PAGES:
        # Warm up each page: the first answer after a start has no data yet.
        fetch(layout, page)
        fetch(layout, page, refresh=True)
    ended = threading.Event()

    def refresh_tabs() -> None:
        for page in cycle(PAGES):
            if ended.wait(REFRESH_SECONDS / tabs):
                return
            fetch(layout, page, refresh=True)

    with ThreadPoolExecutor(1) as pool:
        refreshed = pool.submit(refresh_tabs)
        try:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                for page in PAGES:
                    opened[page].append(fetch(layout, page))
                time.sleep(OPEN_SECONDS)
        finally:
            ended.set()
        refreshed.result()
    return opened


def jobs_of_worst_minute(warehouse: EmbeddedWarehouse, since: datetime) -> int:
    """Count the monitor's standing statements, from the warehouse's list of jobs, in the minute with the most."""
    jobs = [job for job in warehouse.client.list_jobs() if job.created >= since]
    # The standing statements are the day's and the two batches; the others are look-ups of opened pages.
    standing: list[datetime] = [
        job.created for job in jobs if "AS part" in job.query or "expected_vs_actual(" in job.query
    ]
    assert standing, "the monitor sent the warehouse no query"
    return max(sum(begin <= at < begin + MINUTE for at in standing) for begin in standing)


def main(
    executions: Sequence[int] = (10_000, 100_000, 1_000_000), tabs: int = 40, minutes: float = 3.0
) -> Figures:
    """Measure."""
    layout, opened, jobs = Layout.on_free_ports(event_time=False), dict[int, Opened](), dict[int, int]()
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        running_stack(layout, Path(folder), StackOptions(phase2=None, services=("monitor",))) as stack,
    ):
        for rows in executions:
            stack.restart("bigquery")  # empties its tables
            process = stack.processes.children["bigquery"].process.pid
            warehouse = EmbeddedWarehouse(process, embedded_client(layout.url("bigquery"), PROJECT))
            warehouse.fill(rows, environment="local")
            begun = datetime.now(UTC)
            stack.restart("monitor")  # clears its cache of the size before
            opened[rows] = open_pages(layout, tabs, minutes)
            jobs[rows] = jobs_of_worst_minute(warehouse, begun)
    first, last = executions[0], executions[-1]
    whole = {
        rows: {page: p95_ms([seconds for _, seconds in times]) for page, times in pages.items()}
        for rows, pages in opened.items()
    }
    pages = {
        page: {
            "opened": len(times),
            "first_byte_ms": p95_ms([seconds for seconds, _ in times]),
            **{f"ms_at_{rows:,}": whole[rows][page] for rows in executions},
            "growth": round(whole[last][page] / whole[first][page], 2),
            "to_plain": round(whole[last][page] / whole[last][PLAIN], 1),
        }
        for page, times in opened[last].items()
    }
    aims = {
        f"{JOBS_A_MINUTE} jobs a minute at most with {rows:,} executions": count <= JOBS_A_MINUTE
        for rows, count in jobs.items()
    }
    return {"page": pages, "jobs_of_worst_minute": list(jobs.values()), "aims": aims}


if __name__ == "__main__":
    run(main)

"""The console on ninety days and a million executions in the embedded warehouse: pages, first bytes, warehouse jobs.

    python -m bench.console [--rows 1000000] [--tabs 40] [--minutes 3] [--json]

The monitor's real application runs in a process of its own beside the embedded warehouse. Tabs of every page refresh as
a browser's do, every 30 s and spread over it, for some minutes; each page is also opened anew again and again. Measured
are the seconds to the first byte and to the whole answer, and the statements that the monitor sent to the warehouse, in
the worst minute. Nothing is compared with a threshold: what must hold stands in docs/how-to/console.md.
"""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.command import Figures, run
from bench.embedded import EmbeddedWarehouse
from bench.measures import p95_ms
from tipoff_cli.commands.tables import embedded_client
from tipoff_dev.stack.layout import HOST, PROJECT, Layout
from tipoff_dev.stack.stack import running_stack

PAGES = (
    "/",
    "/workflows/injury_discovery",
    "/scrapers",
    "/scrapers/nbac_schedule",
    "/run?id=o1000",
    "/alerts",
    "/files",
    "/dead-letters",
    "/configuration",
)
REFRESH_SECONDS = 30.0
OPEN_SECONDS = 2.0
MINUTE = timedelta(minutes=1)


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


def open_pages(layout: Layout, tabs: int, minutes: float) -> dict[str, list[tuple[float, float]]]:
    """Open pages and leave tabs open for so long; the seconds of each page that was opened."""
    opened: dict[str, list[tuple[float, float]]] = {page: [] for page in PAGES}
    for page in PAGES:
        # The first look after a start waits for data on the page, not in the answer; measured is the running service.
        fetch(layout, page)
        fetch(layout, page, refresh=True)
    end = time.monotonic() + 60 * minutes

    def tab(number: int) -> None:
        time.sleep(REFRESH_SECONDS * number / tabs)
        while time.monotonic() < end:
            fetch(layout, PAGES[number % len(PAGES)], refresh=True)
            time.sleep(REFRESH_SECONDS)

    for number in range(tabs):
        threading.Thread(target=tab, args=(number,), daemon=True).start()
    while time.monotonic() < end:
        for page in PAGES:
            opened[page].append(fetch(layout, page))
        time.sleep(OPEN_SECONDS)
    return opened


def count_jobs(warehouse: EmbeddedWarehouse, since: datetime) -> dict[str, int]:
    """Count the statements of the monitor, as the warehouse keeps them."""
    jobs = [job for job in warehouse.client.list_jobs() if job.created >= since]
    # The standing statements are the day's and the two batches; the others are somebody's look-ups.
    standing = [job.created for job in jobs if "AS part" in job.query or "expected_vs_actual(" in job.query]
    return {
        "standing": len(standing),
        "worst_minute": max(
            (sum(begin <= at < begin + MINUTE for at in standing) for begin in standing), default=0
        ),
        "look_ups": len(jobs) - len(standing),
    }


def main(rows: int = 1_000_000, tabs: int = 40, minutes: float = 3.0) -> Figures:
    """Measure."""
    layout = Layout.on_free_ports(event_time=False)
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        running_stack(layout, Path(folder), phase2=None, services=("monitor",)) as stack,
    ):
        process = stack.processes.children["bigquery"].process.pid
        warehouse = EmbeddedWarehouse(process, embedded_client(layout.url("bigquery"), PROJECT))
        warehouse.fill(rows, environment="local")
        begun = datetime.now(UTC)
        opened = open_pages(layout, tabs, minutes)
        jobs = count_jobs(warehouse, begun)
    pages = {
        page: {
            "opened": len(times),
            "first_byte_p95_ms": p95_ms([first for first, _ in times]),
            "whole_p95_ms": p95_ms([whole for _, whole in times]),
        }
        for page, times in opened.items()
    }
    return {"executions": rows, "page": pages, "jobs": jobs}


if __name__ == "__main__":
    run(main)

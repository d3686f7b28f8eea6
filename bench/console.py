"""The console on ninety days and a million executions in the embedded warehouse: pages, first bytes, warehouse jobs.

    python bench/console.py [--rows 1000000] [--tabs 40] [--minutes 3] [--json]

The monitor's real application runs in a process of its own beside the embedded warehouse. Tabs of every page refresh as
a browser's do, every 30 s and spread over it, for some minutes; each page is also opened anew again and again. Measured
are the seconds to the first byte and to the whole answer, and the statements that the monitor sent to the warehouse,
counted by a proxy between the two, in the worst minute. Nothing is compared with a threshold: what must hold stands in
docs/how-to/console.md.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from arguments import bench_parser
from gcp_emulators.testing import free_port
from tipoff_cli.commands.tables import SCHEMAS, embedded_client
from tipoff_dataset.deploy import deploy
from tipoff_dev.stack.layout import HOST, PROJECT, Layout
from tipoff_dev.stack.processes import Processes, Program
from views import DECISIONS, EXECUTIONS, SCANS, SCHEDULE, ask, wait_for

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


class Counting:
    """Hands requests on to the warehouse and notes when each query came."""

    def __init__(self, port: int) -> None:
        self.standing: list[float] = []
        self.look_ups: list[float] = []
        standing, look_ups = self.standing, self.look_ups

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.command == "POST" and self.path.partition("?")[0].endswith(("/queries", "/jobs")):
                    # The standing statements are the day's and the two batches; the others are somebody's look-ups.
                    is_standing = b"AS part" in body or b"expected_vs_actual(" in body
                    (standing if is_standing else look_ups).append(time.monotonic())
                upstream = http.client.HTTPConnection(HOST, port, timeout=120)
                upstream.request(self.command, self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                upstream.close()

            do_GET = do_POST = do_DELETE = _hand_on  # noqa: N815  # as the base class names them

            def log_message(self, *_arguments: object) -> None:
                return

        self.port = free_port()
        self._server = ThreadingHTTPServer((HOST, self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Hand on nothing more."""
        self._server.shutdown()

    def worst_minute(self) -> int:
        """Return the most standing statements of any sixty seconds."""
        times = self.standing
        return max((sum(start <= at < start + 60 for at in times) for start in times), default=0)


def fetch(port: int, key: str, path: str, *, refresh: bool = False) -> tuple[float, float, int]:
    """Return the seconds to the first byte and to the last, and the status."""
    headers = {"Authorization": f"Bearer {key}", **({"X-Tipoff-Refresh": "1"} if refresh else {})}
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    begun = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    first = time.perf_counter() - begun
    answer.read()
    connection.close()
    return first, time.perf_counter() - begun, answer.status


@contextmanager
def console(rows: int, folder: Path) -> Iterator[tuple[Layout, Counting]]:
    """Start a filled warehouse, buckets and the monitor; its layout and the proxy before its warehouse."""
    processes = Processes(folder)
    layout = Layout.on_free_ports(event_time=False)
    ports = layout.ports
    counting = Counting(ports["bigquery"])
    try:
        options = (
            "--port",
            str(ports["bigquery"]),
            "--grpc-port",
            str(ports["bigquery-grpc"]),
            "--project",
            PROJECT,
        )
        processes.start("bigquery", Program("gcp_emulators.bigquery", options, {}, folder))
        processes.start(
            "storage", Program("gcp_emulators.storage", ("--port", str(ports["storage"])), {}, folder)
        )
        client = embedded_client(layout.url("bigquery"), PROJECT)
        wait_for(client)
        deploy(client, SCHEMAS)
        for statement in (EXECUTIONS, DECISIONS, SCHEDULE, SCANS):
            # The rows are an ordinary environment's; the console of a laptop looks at local ones.
            ask(client, statement.replace("'prod'", "'local'"), rows)
        told = {
            **layout.service_environment("monitor"),
            "BIGQUERY_EMULATOR_HOST": f"http://{HOST}:{counting.port}",
        }
        processes.start("monitor", Program("tipoff_monitor", (), told, Path(__file__).parents[1]))
        deadline = time.monotonic() + 60
        while True:
            try:
                fetch(ports["monitor"], layout.development_key, "/healthz")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield layout, counting
    finally:
        processes.stop()
        counting.stop()


def measure(layout: Layout, tabs: int, minutes: float) -> dict[str, list[tuple[float, float]]]:
    """Open pages and leave tabs open for so long; the seconds of each page that was opened."""
    port, key = layout.ports["monitor"], layout.development_key
    opened: dict[str, list[tuple[float, float]]] = {page: [] for page in PAGES}
    for page in PAGES:
        # The first look after a start waits for data on the page, not in the answer; measured is the running service.
        fetch(port, key, page)
        fetch(port, key, page, refresh=True)
    end = time.monotonic() + 60 * minutes

    def tab(number: int) -> None:
        time.sleep(REFRESH_SECONDS * number / tabs)
        while time.monotonic() < end:
            fetch(port, key, PAGES[number % len(PAGES)], refresh=True)
            time.sleep(REFRESH_SECONDS)

    threads = [threading.Thread(target=tab, args=(number,), daemon=True) for number in range(tabs)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        for page in PAGES:
            first, whole, status = fetch(port, key, page)
            assert status == 200, (page, status)
            opened[page].append((first, whole))
        time.sleep(OPEN_SECONDS)
    return opened


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tabs", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=3.0)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        console(arguments.rows, Path(folder)) as (layout, counting),
    ):
        opened = measure(layout, arguments.tabs, arguments.minutes)
        worst, standing = counting.worst_minute(), len(counting.standing)
        look_ups = len(counting.look_ups)
    found = {
        page: {
            "n": len(times),
            "first_p95_ms": round(1e3 * p95([first for first, _ in times]), 1),
            "whole_p95_ms": round(1e3 * p95([whole for _, whole in times]), 1),
        }
        for page, times in opened.items()
    }
    if arguments.json:
        jobs = {"worst_minute": worst, "standing": standing, "look_ups": look_ups}
        print(json.dumps({"rows": arguments.rows, "pages": found, "jobs": jobs}))
        return
    print(f"{arguments.rows:,} executions, {arguments.tabs} tabs, {arguments.minutes:g} minutes")
    print(f"{'page':<34}{'opened':>8}{'first byte p95':>16}{'whole p95':>12}")
    for page, one in found.items():
        print(f"{page:<34}{one['n']:>8}{one['first_p95_ms']:>13} ms{one['whole_p95_ms']:>9} ms")
    print(f"warehouse jobs: {standing} of open pages, {worst} in the worst minute; {look_ups} of look-ups")


if __name__ == "__main__":
    main()

"""What a hop costs more for being traced: processor time of the whole process, its exports included.

A hop is what every push does: take part in the trace of the message, publish one event in it, end with the answer. One
process does many with telemetry on, against a collector in a process of its own, and as many with it off. The figure
for off is that of the hooks alone, measured against the same hop without them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, MutableMapping
from contextvars import Context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from arguments import bench_parser
from tipoff_common.events import Tick, TickFired
from tipoff_common.metrics import PUBLISHED
from tipoff_common.telemetry import (
    HopMiddleware,
    begin_hop,
    configure_telemetry,
    is_on,
    record,
    shutdown_telemetry,
)
from tipoff_common.trace import continue_trace, traceparent
from tipoff_common.web import spare_the_collector

SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = TickFired(tick=Tick.EVALUATE, cadence_minutes=15)
ON_MICROSECONDS, OFF_MICROSECONDS = 120, 15
"""The most that a hop may cost more, with telemetry on and off."""


class CollectorSink(BaseHTTPRequestHandler):
    """A collector that takes whatever comes."""

    def do_POST(self) -> None:
        """Take a batch of spans."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep silent."""


async def answer(
    scope: MutableMapping[str, Any],
    _receive: Callable[[], Any],
    send: Callable[[MutableMapping[str, Any]], Any],
) -> None:
    """Answer as a service that takes part and publishes one event."""
    begin_hop(scope, EVENT.TYPE, SENT)
    traceparent()
    if is_on():
        record(PUBLISHED, event_type=EVENT.TYPE)
    await send({"type": "http.response.start", "status": 204})


async def plain(
    _scope: MutableMapping[str, Any],
    _receive: Callable[[], Any],
    send: Callable[[MutableMapping[str, Any]], Any],
) -> None:
    """Do the same as before there was telemetry: hand the trace on, and that is all."""
    continue_trace(SENT)
    traceparent()
    await send({"type": "http.response.start", "status": 204})


async def _ignore(_message: MutableMapping[str, Any]) -> None:
    return None


def hops(app: Callable[..., Any], count: int) -> None:
    """Run the hops one after the other, without a loop: nothing in them waits."""
    for _ in range(count):
        try:
            app({"type": "http"}, None, _ignore).send(None)
        except StopIteration:
            continue


def microseconds(app: Callable[..., Any], count: int, finish: Callable[[], None] = lambda: None) -> float:
    """Return the processor time of one hop, of all threads of this process."""
    started = time.process_time()
    Context().run(hops, app, count)
    finish()
    return (time.process_time() - started) / count * 1e6


def measure(count: int, endpoint: str) -> tuple[float, float, float]:
    """Return a hop without hooks, with telemetry off, and with it on until all is exported."""
    spare_the_collector()  # as every service does
    before, off = microseconds(plain, count), microseconds(answer, count)
    configure_telemetry("bench", "0", "bench", endpoint, batch_seconds=0.2)
    try:
        # A burst that overflows the queue would be dropped and look cheap, so the hops come in parts that the exporter
        # keeps up with.
        middleware, spent, part = HopMiddleware(answer), 0.0, 500
        for _ in range(count // part):
            spent += microseconds(middleware, part) * part
            started = time.process_time()
            time.sleep(0.3)
            spent += (time.process_time() - started) * 1e6
    finally:
        started = time.process_time()
        shutdown_telemetry()
        spent += (time.process_time() - started) * 1e6
    return before, off, spent / (count // part * part)


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--hops", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        server = ThreadingHTTPServer(("127.0.0.1", 0), CollectorSink)
        print(server.server_address[1], flush=True)
        server.serve_forever()
    # The collector's own work is none of the service's.
    sink = subprocess.Popen([sys.executable, __file__, "--sink"], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        endpoint = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        found = [measure(arguments.hops, endpoint) for _ in range(arguments.runs)]
    finally:
        sink.terminate()
        sink.wait()
    before, off, on = (statistics.median(side) for side in zip(*found, strict=True))
    more_on, more_off = on - before, off - before
    if arguments.json:
        print(json.dumps({"plain_us": before, "off_us": off, "on_us": on}))
    else:
        print(f"{arguments.hops:,} hops, median of {arguments.runs}, microseconds of processor time a hop")
        print(f"{'without telemetry':<28}{before:>8.1f}")
        print(f"{'off':<28}{off:>8.1f}{more_off:>+8.1f}  at most +{OFF_MICROSECONDS}")
        print(f"{'on, exported':<28}{on:>8.1f}{more_on:>+8.1f}  at most +{ON_MICROSECONDS}")
        print(f"{'on to off':<28}{on / off:>8.1f}")
    sys.exit(more_on > ON_MICROSECONDS or more_off > OFF_MICROSECONDS)


if __name__ == "__main__":
    main()

"""Extra cost of a traced hop: processor time of the whole process, its exports included.

    python -m bench.tracing [--hops 5000] [--runs 3] [--json]

A hop is the work of every push: take part in the trace of the message, publish one event in it, end with the answer.
One process does many hops with telemetry on, against a collector in its own process, and as many with telemetry off.
The figure for off is the cost of the hooks alone, compared with the same hop without hooks.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, MutableMapping
from contextvars import Context
from typing import Any

from bench.command import Figures, run
from bench.endpoint import running_endpoint
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

Scope = MutableMapping[str, Any]
Send = Callable[[Scope], Any]
"""ASGI's `send`; the applications below are ASGI applications too."""
SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EVENT = TickFired(tick=Tick.EVALUATE, cadence_minutes=15)
ON_MICROSECONDS, OFF_MICROSECONDS = 120, 15
"""The maximum additional cost of a hop, with telemetry on and off."""


async def answer(scope: Scope, _receive: object, send: Send) -> None:
    """Answer as a service that takes part in the trace and publishes one event."""
    begin_hop(scope, EVENT.TYPE, SENT)
    traceparent()
    if is_on():
        record(PUBLISHED, event_type=EVENT.TYPE)
    await send({"type": "http.response.start", "status": 204})


async def plain(_scope: Scope, _receive: object, send: Send) -> None:
    """Answer without telemetry: only hand the trace on."""
    continue_trace(SENT)
    traceparent()
    await send({"type": "http.response.start", "status": 204})


async def _ignore(_message: Scope) -> None:
    return None


def hops(app: Callable[..., Any], count: int) -> None:
    """Run the hops one after the other, without an event loop: no hop waits."""
    for _ in range(count):
        try:
            app({"type": "http"}, None, _ignore).send(None)
        except StopIteration:
            continue


def microseconds(app: Callable[..., Any], count: int) -> float:
    """Return the processor time of one hop, over all threads of this process."""
    started = time.process_time()
    Context().run(hops, app, count)
    return (time.process_time() - started) / count * 1e6


def measure(count: int, endpoint: str) -> tuple[float, float, float]:
    """Return the cost of a hop without hooks, with telemetry off, and with telemetry on, exports included."""
    spare_the_collector()  # as every service does
    before, off = microseconds(plain, count), microseconds(answer, count)
    configure_telemetry("bench", "0", "bench", endpoint, batch_seconds=0.2)
    try:
        # Send the hops in parts that the exporter keeps up with: a burst would overflow the queue, be dropped and look
        # cheap.
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


def main(hops: int = 5_000, runs: int = 3) -> Figures:
    """Measure."""
    with running_endpoint() as collector:
        found = [measure(hops, collector.url) for _ in range(runs)]
    before, off, on = (round(statistics.median(side), 2) for side in zip(*found, strict=True))
    return {
        "hops": hops,
        "us_without_telemetry": before,
        "us_off": off,
        "us_on_exported": on,
        "on_to_off": round(on / off, 1),
        "aims": {
            f"off costs {OFF_MICROSECONDS} us more at most": off - before <= OFF_MICROSECONDS,
            f"on costs {ON_MICROSECONDS} us more at most": on - before <= ON_MICROSECONDS,
        },
    }


if __name__ == "__main__":
    run(main)

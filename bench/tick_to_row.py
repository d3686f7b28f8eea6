"""Time from a tick to its last row, beside as many Pub/Sub hops with empty handlers in the same run.

    python -m bench.tick_to_row [--runs 30] [--json]

A whole stack on free ports in event time. Each run is the 05:00 tick of another day: the controller decides, the
runner fetches the schedule from the fake sources and writes its files, the logger appends. That is three pushes in a
row: controller, runner, logger. After each run, a message goes through three services of one route each that only
publish the next hop: once by Google's publisher, which batches for 5 ms, and once by the services' publisher, which
does not. The ratios show the cost of Tipoff, the source and the warehouse on top of the bus.

The Pub/Sub server times both: from publishing to the acknowledgement of the last message, which the logger gives when
its rows are durable. A query afterwards has to find all rows; its time is reported separately.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from bench.command import Figures, run
from bench.fan_out import last_acked, wait_until_quiet
from bench.hop import publisher
from bench.measures import POLL_SECONDS, is_ready, median_ms, p95_ms, until
from gcp_emulators.testing import free_port
from tipoff_cli.checkout import REPOSITORY, SCRAPERS
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_dev.stack.layout import DEMO_WORKFLOWS, HOST, PROJECT, Layout
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack
from tipoff_planning.loading import load_workflows

FIRST_DAY = date(2024, 11, 1)
TICK = clock(5)
WORKFLOWS = len(load_workflows(DEMO_WORKFLOWS, load_catalog(SCRAPERS)).workflows)
"""Number of workflows, each with one decision at a tick."""
HOPS = 3
CLIENTS = ("google", "lean")
FIGURE_SOURCES = {
    "tick_to_row": "rows",
    "query_not_counted": "query",
    **{f"empty_{client}_hops": client for client in CLIENTS},
}
"""The printed name of each figure, and the name of the measurement that it comes from."""
WARM_UP = 3
PAUSE_SECONDS = 1.1
"""Pause between runs: longer than the second of the scraper's rate limit, so that no run waits for it."""
TIMEOUT_SECONDS = 30.0
ROWS = """
SELECT
  (SELECT COUNT(*) FROM nba_orchestration.scraper_execution_log
   WHERE triggered_at = @at AND status = 'success') AS executions,
  (SELECT COUNT(*) FROM nba_orchestration.workflow_decisions WHERE decision_time = @at) AS decisions
"""


def seconds_until_acked(stack: Stack, publish: Callable[[], None], last: str) -> float:
    """Publish, wait until no message is left to deliver, and return the seconds until the last acknowledgement.

    last: substring of the names of the subscriptions whose acknowledgements count.
    """
    begun = time.monotonic()
    publish()
    wait_until_quiet(stack, TIMEOUT_SECONDS, POLL_SECONDS)
    return last_acked(stack, last) - begun  # one machine, one monotonic clock


def tick_to_row(stack: Stack, at: datetime) -> tuple[float, float]:
    """Return the seconds until every row is durable, and the seconds of a query that finds all rows."""
    tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=at)
    rows = seconds_until_acked(stack, lambda: stack.publisher.publish([tick]), "/logger-")
    begun = time.perf_counter()
    found = stack.warehouse.query(ROWS, {"at": at})[0]
    if found["executions"] < 1 or found["decisions"] < WORKFLOWS:
        raise SystemExit(f"acknowledged, and not all rows are there: {found}")
    return rows, time.perf_counter() - begun


class Hops:
    """Services with empty handlers on the stack's own Pub/Sub, one after the other."""

    def __init__(self, stack: Stack, client: str) -> None:
        self._stack = stack
        ports = [free_port() for _ in range(HOPS)]
        topics = [f"bench-{client}-{number}" for number in range(HOPS)]
        self._last = f"/{topics[-1]}"
        with stack.clients(), PublisherClient() as creator, SubscriberClient() as subscriber:
            self._publish = publisher(client, PROJECT, topics[0])
            for topic, port in zip(topics, ports, strict=True):
                path = creator.topic_path(PROJECT, topic)
                creator.create_topic(name=path)
                subscriber.create_subscription(
                    name=subscriber.subscription_path(PROJECT, topic),
                    topic=path,
                    push_config={"push_endpoint": f"http://{HOST}:{port}/events"},
                    ack_deadline_seconds=60,
                )
        for number, port in enumerate(ports):
            arguments = (str(port), PROJECT, client, *topics[number + 1 : number + 2])
            program = Program("bench.hop", arguments, stack.layout.emulators(), REPOSITORY)
            stack.processes.start(topics[number], program)
        pages = [f"http://{HOST}:{port}/openapi.json" for port in ports]
        until(lambda: all(map(is_ready, pages)), TIMEOUT_SECONDS, "the empty handlers")

    def seconds(self, name: str) -> float:
        """Return the seconds from publishing to the acknowledgement of the last hop's message."""
        return seconds_until_acked(self._stack, lambda: self._publish({"name": name}), self._last)


def measure(runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run, by measurement."""
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        running_stack(
            Layout.on_free_ports(event_time=True), Path(folder), StackOptions(phase2=None)
        ) as stack,
    ):
        empty = {client: Hops(stack, client) for client in CLIENTS}
        for number in range(WARM_UP + runs):
            time.sleep(PAUSE_SECONDS)
            for client, hops in empty.items():
                found.setdefault(client, []).append(hops.seconds(f"run-{number}"))
            day = FIRST_DAY + timedelta(days=number)
            rows, query = tick_to_row(stack, local_instant(day, TICK))
            found.setdefault("rows", []).append(rows)
            found.setdefault("query", []).append(query)
    return {name: seconds[WARM_UP:] for name, seconds in found.items()}


def main(runs: int = 30) -> Figures:
    """Measure."""
    timed = measure(runs)
    found = {
        name: {"median_ms": median_ms(timed[key]), "p95_ms": p95_ms(timed[key])}
        for name, key in FIGURE_SOURCES.items()
    }
    for client in CLIENTS:
        found[f"ratio_to_{client}_hops"] = {
            figure: round(ms / found[f"empty_{client}_hops"][figure], 2)
            for figure, ms in found["tick_to_row"].items()
        }
    return {"runs, in turn": runs, "measured": found}


if __name__ == "__main__":
    run(main)

"""From a tick to the last row that follows from it, beside as many Pub/Sub hops with empty handlers in the same run.

    python bench/tick_to_row.py [--runs 30] [--json]

A whole stack on free ports in event time. Each run is the 05:00 tick of another day: the controller decides, the
runner fetches the schedule from the fake sources and writes its files, the logger appends; measured is the time from
publishing the tick to the query that finds the execution's and all decisions' rows. That is three pushes in a row:
controller, runner, logger. In turn with it, a message goes through three services of one route each that only
publish the next hop. What the ratio tells is what Tipoff's own work costs on top of the bus.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import requests
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.types import BatchSettings

from gcp_emulators.testing import free_port
from tipoff_common.clock import eastern
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Warehouse
from tipoff_dev.stack.layout import HOST, PROJECT, Layout
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, running_stack

FIRST_DAY = date(2024, 11, 1)
TICK = clock(5)
HOPS = 3
WARM_UP = 3
PAUSE_SECONDS = 1.1
"""Between runs: more than the second that the scraper keeps between two calls, so that none waits for its turn."""
POLL_SECONDS = 0.005
TIMEOUT_SECONDS = 30.0
ROWS = """
SELECT
  (SELECT COUNT(*) FROM nba_orchestration.scraper_execution_log
   WHERE triggered_at = @at AND status = 'success') AS executions,
  (SELECT COUNT(*) FROM nba_orchestration.workflow_decisions WHERE decision_time = @at) AS decisions
"""


def wait(reached: Callable[[], bool], what: str) -> None:
    """Poll until it is reached; exit naming what was waited for."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {TIMEOUT_SECONDS:g} s for {what}")
        time.sleep(POLL_SECONDS)


def all_rows(warehouse: Warehouse, at: datetime, workflows: int) -> bool:
    """Return whether the tick's decisions and an execution are there."""
    found = warehouse.query(ROWS, {"at": at})[0]
    return bool(found["executions"] >= 1 and found["decisions"] >= workflows)


def tick_to_row(stack: Stack, at: datetime, workflows: int) -> float:
    """Return the seconds until a query sees every row; its own duration is part of it.

    The warehouse is asked only when Pub/Sub has nothing left to deliver, since asking all the time takes from it what
    it needs to append.
    """
    tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=at)
    begun = time.perf_counter()
    stack.publisher.publish([tick])
    wait(lambda: not any(stack.backlog().values()), "all messages to be handled")
    wait(lambda: all_rows(stack.warehouse, at, workflows), f"the rows of {at}")
    return time.perf_counter() - begun


class Hops:
    """Services with empty handlers on the stack's own Pub/Sub, one after the other."""

    def __init__(self, stack: Stack) -> None:
        ports = [free_port() for _ in range(HOPS)]
        self.topics = [f"projects/{PROJECT}/topics/bench-hop-{number}" for number in range(HOPS)]
        self.last = f"http://{HOST}:{ports[-1]}"
        with stack.clients():
            self.publisher = PublisherClient(batch_settings=BatchSettings(max_latency=0.005))
            subscriber = SubscriberClient()
        with subscriber:
            for topic, port in zip(self.topics, ports, strict=True):
                self.publisher.create_topic(name=topic)
                subscriber.create_subscription(
                    name=topic.replace("/topics/", "/subscriptions/"),
                    topic=topic,
                    push_config={"push_endpoint": f"http://{HOST}:{port}/events"},
                    ack_deadline_seconds=60,
                )
        for number, port in enumerate(ports):
            arguments = (str(port), *self.topics[number + 1 : number + 2])
            program = Program("hop", arguments, stack.layout.emulators(), cwd=Path(__file__).parent)
            stack.processes.start(f"bench-hop-{number}", program)
        for port in ports:
            wait(lambda: answers(f"http://{HOST}:{port}/openapi.json"), "the empty handlers")  # noqa: B023

    def seconds(self, name: str) -> float:
        """Return the seconds from publishing to the last hop's handler, by the one machine's clock."""
        begun = time.time()
        self.publisher.publish(self.topics[0], b"{}", name=name).result(timeout=TIMEOUT_SECONDS)
        arrival = f"{self.last}/arrivals/{name}"
        wait(lambda: answers(arrival), f"the arrival of {name}")
        return float(requests.get(arrival, timeout=TIMEOUT_SECONDS).json()) - begun


def answers(url: str) -> bool:
    """Return whether the URL answers."""
    try:
        return requests.get(url, timeout=TIMEOUT_SECONDS).ok
    except requests.ConnectionError:
        return False


def measure(runs: int) -> tuple[list[float], list[float]]:
    """Time so many ticks, and so many empty hops."""
    rows, hops = [], []
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        running_stack(Layout.on_free_ports(event_time=True), Path(folder), phase2=None) as stack,
    ):
        empty, workflows = Hops(stack), count_workflows(stack)
        for number in range(WARM_UP + runs):
            time.sleep(PAUSE_SECONDS)
            hops.append(empty.seconds(f"run-{number}"))
            rows.append(tick_to_row(stack, eastern(FIRST_DAY + timedelta(days=number), TICK), workflows))
    return rows[WARM_UP:], hops[WARM_UP:]


def count_workflows(stack: Stack) -> int:
    """Return how many decisions a tick makes, found out by one of the day before the first."""
    at = eastern(FIRST_DAY - timedelta(days=1), TICK)
    stack.publisher.publish([TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=at)])
    stack.wait_until_quiet()
    decisions = int(stack.warehouse.query(ROWS, {"at": at})[0]["decisions"])
    assert decisions, "the tick made no decision"
    return decisions


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """Return median and p95 in milliseconds."""
    return {
        "median_ms": round(statistics.median(seconds) * 1e3, 1),
        "p95_ms": round(statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1e3, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    rows, hops = (milliseconds(seconds) for seconds in measure(arguments.runs))
    ratio = {name: round(rows[name] / hops[name], 2) for name in rows}
    if arguments.json:
        print(json.dumps({"runs": arguments.runs, "tick_to_row": rows, "empty_hops": hops, "ratio": ratio}))
        return
    print(f"{arguments.runs} runs, in turn{'median ms':>24}{'p95 ms':>10}")
    print(f"{'tick to last row queryable':<28}{rows['median_ms']:>12.1f}{rows['p95_ms']:>10.1f}")
    print(f"{f'{HOPS} hops, empty handlers':<28}{hops['median_ms']:>12.1f}{hops['p95_ms']:>10.1f}")
    print(f"{'ratio':<28}{ratio['median_ms']:>12.2f}{ratio['p95_ms']:>10.2f}")


if __name__ == "__main__":
    main()

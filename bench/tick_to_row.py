"""From a tick to the last row that follows from it, beside as many Pub/Sub hops with empty handlers in the same run.

    python bench/tick_to_row.py [--runs 30] [--json]

A whole stack on free ports in event time. Each run is the 05:00 tick of another day: the controller decides, the
runner fetches the schedule from the fake sources and writes its files, the logger appends. That is three pushes in a
row: controller, runner, logger. In turn with it, a message goes through three services of one route each that only
publish the next hop: once by Google's publisher, which batches for 5 ms, and once by that of the services, which does
not. The ratios tell what Tipoff's own work, the source's and the warehouse's cost on top of the bus.

Both are timed by the Pub/Sub server: from publishing to the acknowledgement of the last message, which the logger gives
when its rows are durable. A query after it has to find all of them; how long that takes is told apart.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import requests
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from arguments import bench_parser
from gcp_emulators.testing import free_port
from hop import publisher
from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_dev.stack.layout import HOST, PROJECT, Layout
from tipoff_dev.stack.processes import Program
from tipoff_dev.stack.stack import Stack, running_stack

FIRST_DAY = date(2024, 11, 1)
TICK = clock(5)
HOPS = 3
CLIENTS = ("google", "lean")
WARM_UP = 3
PAUSE_SECONDS = 1.1
"""Between runs: more than the second that the scraper keeps between two calls, so that none waits for its turn."""
POLL_SECONDS = 0.02
"""Between two looks at the backlog, each of which takes time from what is measured."""
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


def seconds_until_acked(stack: Stack, publish: Callable[[], None], last: str) -> float:
    """Publish, wait until nothing is left to deliver, and read when the last message of the subscriptions was acked.

    last: what the names of these subscriptions contain.
    """
    begun = time.monotonic()
    publish()
    found: dict[str, Mapping[str, float]] = {}

    def quiet() -> bool:
        answer = requests.get(f"{stack.layout.url('pubsub-admin')}/backlog", timeout=TIMEOUT_SECONDS).json()
        found.update(answer["subscriptions"])
        return not answer["unacked"]

    wait(quiet, "all messages to be handled")
    # One machine, one monotonic clock.
    return max(counts["last_acked"] or 0.0 for name, counts in found.items() if last in name) - begun


def tick_to_row(stack: Stack, at: datetime, workflows: int) -> tuple[float, float]:
    """Return the seconds until every row is durable, and those of a query that finds all of them."""
    tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=at)
    rows = seconds_until_acked(stack, lambda: stack.publisher.publish([tick]), "/logger-")
    begun = time.perf_counter()
    found = stack.warehouse.query(ROWS, {"at": at})[0]
    if found["executions"] < 1 or found["decisions"] < workflows:
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
            program = Program("hop", arguments, stack.layout.emulators(), cwd=Path(__file__).parent)
            stack.processes.start(topics[number], program)
        for port in ports:
            wait(lambda: answers(f"http://{HOST}:{port}/openapi.json"), "the empty handlers")  # noqa: B023

    def seconds(self, name: str) -> float:
        """Return the seconds from publishing to the acknowledgement of the last hop's message."""
        return seconds_until_acked(self._stack, lambda: self._publish({"name": name}), self._last)


def answers(url: str) -> bool:
    """Return whether the URL answers."""
    try:
        return requests.get(url, timeout=TIMEOUT_SECONDS).ok
    except requests.ConnectionError:
        return False


def measure(runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run, by what was timed."""
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder,
        running_stack(Layout.on_free_ports(event_time=True), Path(folder), phase2=None) as stack,
    ):
        empty, workflows = {client: Hops(stack, client) for client in CLIENTS}, count_workflows(stack)
        for number in range(WARM_UP + runs):
            time.sleep(PAUSE_SECONDS)
            for client, hops in empty.items():
                found.setdefault(client, []).append(hops.seconds(f"run-{number}"))
            day = FIRST_DAY + timedelta(days=number)
            rows, query = tick_to_row(stack, local_instant(day, TICK), workflows)
            found.setdefault("rows", []).append(rows)
            found.setdefault("query", []).append(query)
    return {name: seconds[WARM_UP:] for name, seconds in found.items()}


def count_workflows(stack: Stack) -> int:
    """Return how many decisions a tick makes, found out by one of the day before the first."""
    at = local_instant(FIRST_DAY - timedelta(days=1), TICK)
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
    parser = bench_parser(__doc__)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    found = {name: milliseconds(seconds) for name, seconds in measure(arguments.runs).items()}
    rows = found["rows"]
    ratio, lean = ({name: round(rows[name] / found[client][name], 2) for name in rows} for client in CLIENTS)
    if arguments.json:
        told = {
            "runs": arguments.runs,
            "tick_to_row": rows,
            "query": found["query"],
            "empty_hops": found["google"],
            "ratio": ratio,
            "empty_lean_hops": found["lean"],
            "ratio_to_lean_hops": lean,
        }
        print(json.dumps(told))
        return
    print("\n".join(table(arguments.runs, found, ratio, lean)))


def table(
    runs: int, found: Mapping[str, Mapping[str, float]], ratio: Mapping[str, float], lean: Mapping[str, float]
) -> Iterator[str]:
    """Return the lines that a person reads."""
    yield f"{f'{runs} runs, in turn':<44}{'median ms':>12}{'p95 ms':>10}"
    for label, key in (
        ("tick to last row durable", "rows"),
        ("a query that finds them, not counted", "query"),
        (f"{HOPS} hops, empty handlers, Google's publisher", "google"),
        (f"{HOPS} hops, empty handlers, our publisher", "lean"),
    ):
        yield f"{label:<44}{found[key]['median_ms']:>12.1f}{found[key]['p95_ms']:>10.1f}"
    for label, of in (("ratio to Google's publisher", ratio), ("ratio to our publisher", lean)):
        yield f"{label:<44}{of['median_ms']:>12.2f}{of['p95_ms']:>10.2f}"


if __name__ == "__main__":
    main()

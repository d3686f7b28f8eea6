"""A manual run that fans out over N no-op units, through the running stack.

    python -m bench.fan_out [--sizes 50 500 5000] [--triggers 20] [--json]

A whole stack on free ports, with a fleet of one scraper that fetches nothing and finds one record. Each size is one run
of a workflow of one step with so many given values, measured from the trigger until every row is in the dataset and no
message is left to deliver. The bench's own subscription on each topic counts messages, the scraper counts fetches, and
the operating system CPU and memory. The object store has one port for each service, and counts its calls by kind,
reads included. A small size runs several times, and its figures are means: in half a second, other work of the
processes distorts the CPU of a run. `aims` are figures that do not depend on the machine; exit code 1 when one is
missed. `loop_seconds` is the CPU time of `x += i & 7` 20 million times in this process: divide by it to compare
machines.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from google.cloud.pubsub_v1 import SubscriberClient
from tests.support.controller import at_times, workflow

from bench.command import Figures, run
from bench.measures import cpu_seconds, loop_seconds, median_ms, p95_ms, resident_mib, until
from tipoff_dev.stack.layout import PROJECT, SERVICES, STATE_BUCKET, Layout, storage_rights
from tipoff_dev.stack.stack import Stack, StackOptions, running_stack

NOOP = Path(__file__).parent / "fleet/noop"
TOPICS = ("workflow-decisions", "scrape-requests", "scrape-executions", "nba-phase1-scrapers-complete")
DAY = "2025-01-15"
WARM_UP = 400
"""Units of a first run, which opens connections and translates statements, as in a service that has run for a
minute."""
MEASURED_UNITS = 1_000
"""Each size repeats until it has so many units, but at most MOST_RUNS times."""
MOST_RUNS = 15
POLL_SECONDS = 0.1
MOST_CALLS = {"scraper-runner": 5.0, "controller": 0.2}
"""The most calls to the object store for each execution, by service."""
FLAT = 1.2
"""The maximum ratio of CPU per execution between the most and the least expensive size."""
ROWS = """
SELECT COUNT(*) AS found, COUNT(DISTINCT execution_id) AS distinct_found
FROM nba_orchestration.scraper_execution_log
WHERE occurrence_id = @occurrence
"""


@dataclass(frozen=True)
class BenchLayout(Layout):
    """A stack with the bench's own fleet."""

    fleet: str = ""

    def _own_settings(self) -> dict[str, dict[str, str]]:
        own = super()._own_settings()
        return {name: {**settings, "TIPOFF_SCRAPERS": self.fleet} for name, settings in own.items()}


def write_fleet(folder: Path, workflows: Mapping[str, Any]) -> Path:
    """Write the fleet and its workflows into a folder; return the file to which each fetch adds a line."""
    # The configuration requires a calendar, which never lands.
    for name in ("noop", "games"):
        spec = shutil.copytree(NOOP, folder / "fleet/noop" / name) / "scraper.yaml"
        spec.write_text(spec.read_text().replace("name: noop", f"name: {name}").replace("noop/", f"{name}/"))
    file = {
        "version": 1,
        "timezone": "America/New_York",
        "calendar": {"scraper": "games"},
        "workflows": dict(workflows),
    }
    (folder / "workflows.yaml").write_text(json.dumps(file))  # JSON is YAML too
    return folder / "fleet/noop/noop/fetches"


def fan_outs(sizes: Sequence[int]) -> dict[str, Any]:
    """Return a workflow of one step for each size, which fans out over so many units and is due on Sundays."""
    return {
        f"fan_{size}": workflow(
            at_times("23:00", days=["sun"]),
            {
                "scraper": "noop",
                "for_each": {"parameter": "unit", "values": [f"{size}-{n}" for n in range(size)]},
            },
        )
        for size in sizes
    }


class Counts:
    """Number of messages by topic: the backlog of the bench's own subscription, which keeps all messages.

    No process pulls them, which would take as much CPU as an execution's own deliveries.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._names = {topic: f"projects/{PROJECT}/subscriptions/bench-kept-{topic}" for topic in TOPICS}
        with stack.clients(), SubscriberClient() as client:
            for topic, name in self._names.items():
                client.create_subscription(
                    name=name, topic=f"projects/{PROJECT}/topics/{topic}", ack_deadline_seconds=600
                )

    def by_topic(self) -> Counter[str]:
        """Count the messages of each topic since the start."""
        backlog = self._stack.backlog()
        return Counter({topic: backlog[name] for topic, name in self._names.items()})


def wait_until_quiet(stack: Stack, seconds: float = 600.0, poll: float = POLL_SECONDS) -> None:
    """Wait until no message is left to deliver, except in the bench's own subscriptions."""

    def is_quiet() -> bool:
        stack.processes.check()
        return not any(count for name, count in stack.backlog().items() if "/bench-kept-" not in name)

    # Poll often enough for a run of seconds, and rarely enough that polling does not distort the measurement.
    until(is_quiet, seconds, "messages to be handled", poll)


def wait_for_rows(stack: Stack, occurrence: str, size: int, poll: float = POLL_SECONDS) -> Mapping[str, int]:
    """Wait until the dataset has so many executions of the occurrence; return their counts."""
    rows: dict[str, int] = {}

    def is_complete() -> bool:
        # Query only when no message is left to deliver: a query costs the warehouse as much as an append.
        wait_until_quiet(stack, 60 + size, poll)
        rows.update(stack.warehouse.query(ROWS, {"occurrence": occurrence})[0])
        return rows["distinct_found"] >= size

    until(is_complete, 60 + size, f"{size} rows", poll)
    return rows


def last_acked(stack: Stack, subscriptions: str = "") -> float:
    """Return the time of the last acknowledgement, on the machine's monotonic clock.

    subscriptions: substring of the names of the subscriptions to include.
    """
    answer = requests.get(f"{stack.layout.url('pubsub-admin')}/backlog", timeout=10).json()["subscriptions"]
    return max(counts["last_acked"] or 0.0 for name, counts in answer.items() if subscriptions in name)


def cpu_by_process(stack: Stack) -> dict[str, float]:
    """Return the user and system time of each service and emulator since its start."""
    return {name: cpu_seconds(child.process.pid) for name, child in stack.processes.children.items()}


def trigger(layout: Layout, size: int, key: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Request a run; return the controller's answer, with the `seconds` that it took."""
    begun = time.perf_counter()
    answer = requests.post(
        f"{layout.url('controller')}/workflows/fan_{size}/runs",
        params={"dry_run": str(dry_run).lower()},
        json={"game_date": DAY},
        headers={"Authorization": f"Bearer {layout.development_key}", "Idempotency-Key": key},
        timeout=60,
    )
    seconds = time.perf_counter() - begun
    answer.raise_for_status()
    return {**answer.json(), "seconds": seconds}


@dataclass(frozen=True)
class Run:
    """Measurements of one run of a fan-out."""

    occurrence: str
    trigger_seconds: float
    seconds: float
    cpu: Mapping[str, float]


def run_once(stack: Stack, layout: Layout, size: int, key: str) -> Run:
    """Trigger a run and wait until its last message is acknowledged, which implies that its rows are durable."""
    before, begun = cpu_by_process(stack), time.monotonic()
    answer = trigger(layout, size, key)
    wait_until_quiet(stack, 60 + size)
    spent = {name: value - before[name] for name, value in cpu_by_process(stack).items()}
    return Run(answer["decisions"][0]["occurrence_id"], answer["seconds"], last_acked(stack) - begun, spent)


def measure(stack: Stack, layout: Layout, size: int, counts: Counts, fetches: Path) -> dict[str, Any]:
    """Run a fan-out of `size` units, several times when it is small; return the means."""
    published, fetched, calls = counts.by_topic(), count_lines(fetches), storage_calls(stack)
    number = max(1, min(MOST_RUNS, MEASURED_UNITS // size))
    runs = [run_once(stack, layout, size, f"run-{size}-{place}") for place in range(number)]
    made = {name: of - calls[name] for name, of in storage_calls(stack).items() if of != calls[name]}
    found = [wait_for_rows(stack, run.occurrence, size) for run in runs]
    sent = counts.by_topic() - published
    executions, seconds = size * number, sum(run.seconds for run in runs)
    cpu = {name: sum(run.cpu[name] for run in runs) / executions * 1e3 for name in runs[0].cpu}
    return {
        "runs": number,
        "trigger_ms": median_ms([run.trigger_seconds for run in runs]),
        "published": whole(sent["scrape-requests"] / number),
        "published_by_topic": {topic: whole(count / number) for topic, count in sent.items()},
        "fetches": whole((count_lines(fetches) - fetched) / number),
        "rows": whole(sum(rows["found"] for rows in found) / number),
        "distinct_rows": whole(sum(rows["distinct_found"] for rows in found) / number),
        "seconds": round(seconds / number, 2),
        "per_second": round(executions / seconds, 1),
        "cpu_ms_an_execution": {name: round(value, 2) for name, value in cpu.items()},
        "cpu_ms_an_execution_of_all": round(sum(cpu.values()), 2),
        "storage_calls": {name: dict(of) for name, of in made.items()},
        "storage_calls_an_execution": round(sum(of.total() for of in made.values()) / executions, 3),
        "storage_calls_an_execution_of": {
            name: round(of.total() / executions, 3) for name, of in made.items()
        },
        "controller_writes_an_execution": round(made["controller"][f"{STATE_BUCKET} write"] / executions, 3),
        "peak_mib": {
            name: round(resident_mib(child.process.pid, peak=True))
            for name, child in stack.processes.children.items()
            if name in SERVICES
        },
    }


def whole(number: float) -> float:
    """Return a mean as an integer when it is whole, as it is unless a run differed from the others."""
    return int(number) if number.is_integer() else round(number, 2)


def storage_calls(stack: Stack) -> dict[str, Counter[str]]:
    """Count the calls of each service to the object store so far, by bucket and kind."""
    found = {}
    for name in storage_rights():
        answer = requests.get(f"{stack.layout.url(f'storage:{name}')}/_calls", timeout=10)
        answer.raise_for_status()
        found[name] = Counter[str](answer.json())
    return found


def count_lines(path: Path) -> int:
    """Count the lines of a file; 0 when there is no file."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def trigger_times(layout: Layout, size: int, times: int) -> dict[str, float]:
    """Time the answers to dry-run triggers of `size`, which do everything but the write of the run itself."""
    answers = [trigger(layout, size, f"dry-{size}-{number}", dry_run=True) for number in range(times)]
    seconds = [answer["seconds"] for answer in answers]
    return {"trigger_p50_ms": median_ms(seconds), "trigger_p95_ms": p95_ms(seconds)}


@contextmanager
def bench_stack(sizes: Sequence[int]) -> Iterator[tuple[Stack, BenchLayout, Path]]:
    """Run a stack with the bench's fleet for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        fetches = write_fleet(folder, fan_outs(sizes))
        free = BenchLayout.on_free_ports(
            event_time=False, workflows_file=folder / "workflows.yaml", own_rights=True
        )
        layout = BenchLayout(**{**vars(free), "fleet": str(folder / "fleet")})
        with running_stack(layout, folder, StackOptions(phase2=None)) as stack:
            yield stack, layout, fetches


def aims(sizes: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    """Return the aims by name, true where met; their figures do not depend on the machine."""
    costs = [at["cpu_ms_an_execution_of_all"] for at in sizes.values()]
    return {
        "each request is published, fetched and logged once": all(
            at[key] == int(size)
            for size, at in sizes.items()
            for key in ("published", "fetches", "rows", "distinct_rows")
        ),
        **{
            f"at most {most:g} calls per execution by the {name}": all(
                at["storage_calls_an_execution_of"].get(name, 0) <= most for at in sizes.values()
            )
            for name, most in MOST_CALLS.items()
        },
        f"the CPU of an execution differs by {FLAT - 1:.0%} at most": max(costs) <= FLAT * min(costs),
    }


def main(sizes: Sequence[int] = (50, 500, 5_000), triggers: int = 20) -> Figures:
    """Measure.

    triggers: number of timed triggers for each size.
    """
    found: dict[str, dict[str, Any]] = {}
    with bench_stack([WARM_UP, *sizes]) as (stack, layout, fetches):
        counts = Counts(stack)
        trigger(layout, WARM_UP, "warm-up")
        wait_until_quiet(stack)
        for size in sizes:
            times = trigger_times(layout, size, triggers)
            found[str(size)] = {**times, **measure(stack, layout, size, counts, fetches)}
    return {"loop_seconds": loop_seconds(), "cores": os.cpu_count(), "sizes": found, "aims": aims(found)}


if __name__ == "__main__":
    run(main)

"""Tipoff's side: the running stack with its embedded cloud, and the controller's tick.

The batch is a manual run of a workflow that fans out over so many units, until the dataset has every execution's row.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.controller import at, at_times, controller_deps, workflow

from bench import fan_out, measures
from bench.peers import side
from tipoff_common import RELEASE
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick, TickFired
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.handlers import handle_tick
from tipoff_dev.stack.layout import SERVICES
from tipoff_dev.stack.stack import Stack
from tipoff_planning.loading import load_workflows

WARM_UP = 20
"""Tasks of a run that does not count; for the peers, single triggers run before the batch."""
WARM_UP_TICKS = 2
WEDNESDAY = at("12:30")
"""The workflows are due on the hours of Thursday."""
HOURLY = workflow(
    at_times(*(f"{hour:02}:00" for hour in range(24)), days=["thu"]),
    {"scraper": "noop", "for_each": {"parameter": "unit", "values": ["one"]}},
)


def running(tasks: int) -> dict[str, Any]:
    """Measure the batch, the single trigger, idle memory and cold start of a whole stack."""
    begun = time.perf_counter()
    with fan_out.bench_stack([1, WARM_UP, tasks]) as (stack, layout, _):
        cold = time.perf_counter() - begun
        roots = [child.process.pid for child in stack.processes.children.values()]
        idle = side.idle_mib(roots)

        def run(size: int, key: str) -> None:
            answer = fan_out.trigger(layout, size, key)
            # Poll a single trigger faster: it takes only a few of the usual polling intervals.
            poll = measures.POLL_SECONDS if size == 1 else fan_out.POLL_SECONDS
            fan_out.wait_for_rows(stack, answer["decisions"][0]["occurrence_id"], size, poll)

        run(WARM_UP, "warm-up")
        return {
            "cold_start_seconds": round(cold, 2),
            "trigger_ms": side.trigger_ms(lambda number: run(1, f"one-{number}")),
            **side.batch(lambda: run(tasks, "all"), tasks, [os.getpid(), *roots]),
            "idle_mib": idle,
            "idle_services_mib": services_mib(stack),
        }


def services_mib(stack: Stack) -> float:
    """Return the memory of the services, without the emulators, which replace a cloud."""
    children = stack.processes.children
    return measures.memory_mib([child.process.pid for name, child in children.items() if name in SERVICES])


def evaluation(workflows: int) -> float:
    """Return the CPU of one tick with so many hourly workflows, the median of five; none is due."""
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        fan_out.write_fleet(folder, {f"hourly_{number}": HOURLY for number in range(workflows)})
        configured = load_workflows(folder / "workflows.yaml", load_catalog(folder / "fleet"))
    state, data, warehouse = MemoryObjects(), MemoryObjects("data"), MemoryWarehouse()
    spent = []
    for number in range(WARM_UP_TICKS + 5):
        deps = controller_deps(configured, state, data, RecordingBus(), warehouse, "bench")
        now = WEDNESDAY + timedelta(minutes=number)
        before = time.process_time()
        handle_tick(TickFired(tick=Tick.EVALUATE, cadence_minutes=1), now, deps, now)
        spent.append(time.process_time() - before)
    return measures.median_ms(spent[WARM_UP_TICKS:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=500)
    arguments = parser.parse_args()
    known = running(arguments.tasks) | {
        "version": RELEASE,
        "settings": "the stack of `tipoff up` on free ports: all services, embedded Pub/Sub, BigQuery and Cloud"
        " Storage in memory; the runner handles 8 requests at a time",
    }
    side.report(known, evaluation)


if __name__ == "__main__":
    main()

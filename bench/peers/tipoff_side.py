"""Tipoff's side: the running stack with its embedded cloud, and the controller's tick.

A manual run of a workflow that fans out over so many units, measured until the dataset has every execution's row.
`__main__` starts this with the folder of `fan_out.py` on its path.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import measures

import fan_out
from tipoff_common import RELEASE
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick, TickFired
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.handlers import handle_tick
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_dev.stack.stack import Stack
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import load_workflows

WARM_UP = 20
"""Tasks of a run that does not count; the peers have their single triggers before."""
WEDNESDAY = "2025-01-15T17:30:00+00:00"
"""The workflows are due on the hours of Thursday."""


def running(tasks: int) -> dict[str, Any]:
    """Return the batch, the single trigger, idle memory and cold start of a whole stack."""
    begun = time.perf_counter()
    with fan_out.bench_stack([1, WARM_UP, tasks]) as (stack, layout, _):
        cold = time.perf_counter() - begun
        roots = [child.process.pid for child in stack.processes.children.values()]
        time.sleep(5)
        idle = measures.memory_mib(roots)

        def run(size: int, key: str) -> None:
            answer = fan_out.trigger(layout, size, key)
            # A single trigger takes as long as a few turns of a poll that suits a run of seconds.
            poll = measures.POLL_SECONDS if size == 1 else fan_out.POLL_SECONDS
            fan_out.wait_for_rows(stack, answer["decisions"][0]["occurrence_id"], size, poll)

        run(WARM_UP, "warm-up")
        return {
            "cold_start_seconds": round(cold, 2),
            "trigger_ms": measures.median_ms(lambda number: run(1, f"one-{number}")),
            **measures.batch(lambda: run(tasks, "all"), tasks, [os.getpid(), *roots]),
            "idle_mib": idle,
            "idle_services_mib": services_mib(stack),
        }


def services_mib(stack: Stack) -> float:
    """Memory of the services alone; the emulators stand in for a cloud."""
    own = [
        stack.processes.children[name].process.pid
        for name in fan_out.SERVICES
        if name in stack.processes.children
    ]
    return measures.memory_mib(own)


def evaluation(workflows: int) -> float:
    """CPU of one tick with so many hourly workflows, none of which is due; the median of five."""
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as name:
        folder = Path(name)
        fan_out.write_fleet(folder, [1])
        file = json.loads((folder / "workflows.yaml").read_text())
        file["workflows"] = {
            f"hourly_{number}": {
                "description": "hourly",
                "schedule": {"kind": "at", "days": ["thu"], "times": [f"{hour:02}:00" for hour in range(24)]},
                "steps": [{"scraper": "noop", "for_each": {"parameter": "unit", "values": ["one"]}}],
            }
            for number in range(workflows)
        }
        (folder / "workflows.yaml").write_text(json.dumps(file))
        catalog = load_catalog(folder / "fleet")
        configured = load_workflows(folder / "workflows.yaml", catalog)
    state, now = MemoryObjects("state"), datetime.fromisoformat(WEDNESDAY)
    spent = []
    for number in range(7):
        deps = Deps(
            environment="bench",
            configuration=configured,
            calendar=LandedCalendar(
                MemoryObjects("data"), catalog[configured.file.calendar.scraper].output_root
            ),
            ledger=Ledger(state),
            occurrences=OccurrenceStore(state, configured.subject_parameters),
            discovery=DiscoveryStore(state),
            pauses=PauseStore(state),
            warehouse=MemoryWarehouse(answer=lambda _sql, _parameters: []),
            publisher=Publisher("controller", RecordingBus()),
        )
        at = now + timedelta(minutes=number)
        before = time.process_time()
        handle_tick(TickFired(tick=Tick.EVALUATE, cadence_minutes=1), at, deps, at)
        spent.append(time.process_time() - before)
    return round(sorted(spent[2:])[2] * 1e3, 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=500)
    arguments = parser.parse_args()
    known = running(arguments.tasks)
    known |= {
        "version": RELEASE,
        "settings": "the stack of `tipoff up` on free ports: all services, embedded Pub/Sub, BigQuery and Cloud"
        " Storage in memory; the runner handles 8 requests at a time",
    }
    measures.report(known)
    measures.report({**known, "evaluation_cpu_ms": {str(n): evaluation(n) for n in measures.WORKFLOWS}})


if __name__ == "__main__":
    main()

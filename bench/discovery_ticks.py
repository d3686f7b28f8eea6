"""Measure the cost of the ticks of a day on which one search learns.

    python -m bench.discovery_ticks [--json]

The bench has the shipped workflows, with learning on for the search for referees, a calendar of twelve games and 200
open occurrences in a file. Measured are the lock, which plans the search, a full evaluation, and a tick between two
evaluations with and without a check: CPU time, calls to the bucket, queries of the dataset and decisions.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.controller import DAY, at

from bench.command import Figures, run
from bench.evaluation import PastRows, build, fill
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Tick, TickFired, WorkflowDecided
from tipoff_common.ports import Parameter
from tipoff_common.testing import RecordingBus
from tipoff_controller.handlers import handle_tick
from tipoff_planning.loading import load_workflows

EXECUTIONS = 1_000
"""Executions a day before the ticks."""


class Searched(PastRows):
    """The rows of an evaluation, and the earlier looks of a search."""

    queries = 0

    def answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Return the looks for a query of a learning search, else the rows of an evaluation."""
        self.queries += 1
        return looks() if "searched_scrapers" in parameters else super().answer(sql, parameters)


def looks() -> list[dict[str, Any]]:
    """Return rows of forty days with four half-hourly looks each; the fourth look succeeded."""
    return [
        {
            "request_id": f"{day}/{number}",
            "scraper_name": "nbac_referee_assignments",
            "game_date": day,
            "status": "success" if number == 3 else "no_data",
            "error_type": None,
            "source": "CONTROLLER",
            "triggered_at": at("09:00", day) + number * timedelta(minutes=30),
            "opts": None,
            "completeness": None,
        }
        for day in (DAY - timedelta(days=back) for back in range(1, 41))
        for number in range(4)
    ]


def measure_discover(folder: Path) -> dict[str, Any]:
    """Measure the ticks of a day on which the shipped search for referees learns, and count their decisions.

    folder: place for the controller's objects and the workflows file.
    """
    shipped, searching = WORKFLOWS.read_text(), "refresh_after_found: 3h\n"
    assert shipped.count(searching) == 1
    bucket, file = folder / "objects", folder / "workflows.yaml"
    file.write_text(shipped.replace(searching, f"{searching}    discovery: {{ strategy: learned }}\n"))
    configured = load_workflows(file, load_catalog(SCRAPERS))
    fill(bucket, EXECUTIONS)
    deps, state, dataset = build(bucket, configured, partial(Searched, EXECUTIONS))
    assert isinstance(dataset, Searched)
    bus = deps.publisher._bus
    assert isinstance(bus, RecordingBus)
    five = at("05:00")

    def measured(tick: Tick, instant: datetime, cadence: int) -> dict[str, Any]:
        bus.published.clear()
        state.reset()
        dataset.queries = 0
        gc.collect()
        gc.freeze()  # as a service does: the garbage collector skips older objects
        begin = time.process_time()
        handle_tick(TickFired(tick=tick, cadence_minutes=cadence), instant, deps, instant)
        seconds = time.process_time() - begin
        return {
            "cpu_ms": round(seconds * 1e3, 1),
            "calls": state.calls.total(),
            "queries": dataset.queries,
            "decisions": len(bus.of(WorkflowDecided)),
        }

    lock = measured(Tick.LOCK_SCHEDULE, five, 60)
    planned = deps.discovery.get("referee_discovery", DAY)
    assert planned is not None
    assert planned.learned
    checks = [planned.at(check) for check in planned.checks]
    between = next(instant for instant in checks if instant.minute % 15)
    idle = next(
        instant
        for instant in (five + number * timedelta(minutes=5) for number in range(60, 200))
        if instant.minute % 15 and instant not in checks
    )
    ticks = {
        "lock-schedule": lock,
        "evaluate": measured(Tick.EVALUATE, at("08:30"), 15),
        "discover, nothing planned": measured(Tick.DISCOVER, idle, 5),
        "discover, with a check": measured(Tick.DISCOVER, between, 5),
    }
    return {
        "tick": ticks,
        "checks_of_the_day": len(checks),
        "between_evaluations": sum(bool(instant.minute % 15) for instant in checks),
    }


def main() -> Figures:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
        return measure_discover(Path(folder))


if __name__ == "__main__":
    run(main)

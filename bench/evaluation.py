"""One evaluation after more and more executions a day: its time, its calls and its bytes.

    python -m bench.evaluation [--executions 1000 10000 100000] [--json]

The bench handles a whole tick, with the shipped workflows, a calendar of twelve games and 200 open occurrences. The
past is stored as the controller and the logger store it: settled occurrences with their logs in the bucket, and one row
for each execution in the dataset. The bench computes the result of the evaluation's single query as BigQuery would.
Measured are the CPU time of the tick, the calls to the bucket, the bytes that they move, and the rows of the result.
Aim: flat within 20% from the first size to the last. Exit code 1 when the aim is missed.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.controller import DAY, at, controller_deps, game

from bench.buckets import CountedObjects
from bench.command import Figures, run
from bench.measures import median_ms
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Source, Tick, TickFired
from tipoff_common.outcomes import Status
from tipoff_common.ports import Parameter
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.deps import Deps
from tipoff_controller.handlers import handle_tick
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_planning.calendar import Game
from tipoff_planning.loading import load_workflows
from tipoff_planning.occurrence_log import Entry, LoggedExecution
from tipoff_planning.plans import Plan, PlannedStep
from tipoff_planning.progress import PlanProgress
from tipoff_planning.workflows import Configuration

NOW = at("12:15")
OPEN, UNITS = 200, 10
FLAT = 1.2
DATES = 4
"""Number of game dates in an evaluation's query."""


class PastRows:
    """The rows of the execution log, and the result of the evaluation's query about them."""

    def __init__(self, executions: int, scrapers: list[str]) -> None:
        # The groups repeat after so many: further executions would only add to counts that are not read.
        self._groups = dict.fromkeys(
            (scrapers[number % len(scrapers)], DAY - timedelta(days=number % DATES), f"00224{number % 12:05}")
            for number in range(min(executions, len(scrapers) * 12) * DATES)
        )
        self.rows = 0

    def answer(self, _sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Return a row for each scraper, date and subject, as GROUP BY does."""
        names = parameters["scrapers"]
        assert isinstance(names, list)
        found = [
            {
                "request_id": "",
                "occurrence_id": "",
                "scraper_name": scraper,
                "game_date": day,
                "status": "success",
                "error_type": None,
                "source": "CONTROLLER",
                "opts": json.dumps({"game_id": game}),
                "completeness": "null",
                "presumed": False,
                "first_at": NOW - timedelta(hours=2),
                "last_at": NOW - timedelta(hours=1),
            }
            for scraper, day, game in self._groups
            if scraper in names
        ]
        self.rows = len(found)
        return found


def games() -> list[Game]:
    """Return twelve games, a quarter of an hour apart, for the day and for the days before and after."""
    days = [(place, DAY + timedelta(days=place - 1)) for place in range(3)]
    return [
        game(place * 10_000 + number, at("19:00", day) + number * timedelta(minutes=15), game_date=day)
        for place, day in days
        for number in range(12)
    ]


def plan(number: int) -> Plan:
    """Return a plan of ten units."""
    step = PlannedStep(
        name="box",
        scraper="nbac_player_boxscore",
        parents=(),
        parameters={"game_date": DAY.isoformat()},
        fan_out_parameter="game_id",
        fan_out=tuple(f"00224{number:05}{unit}" for unit in range(UNITS)),
        max_in_flight=300,
    )
    return Plan(
        occurrence_id=str(UUID(int=number)),
        decision_id="d",
        workflow="post_game",
        game_date=DAY,
        steps=(step,),
        max_retries=3,
        priority="MEDIUM",
        source=Source.CONTROLLER,
        triggered_by="tick",
        config_hash="c",
        decided_at=NOW,
    )


def remember(store: OccurrenceStore, number: int, *, settled: bool) -> None:
    """Write an occurrence as the controller does: its plan, and its executions if it is settled."""
    made = plan(number)
    standing = PlanProgress(made)
    requested = tuple(standing.request_id(attempt) for attempt in standing.due(NOW))
    key = Key(DAY, made.occurrence_id)
    state = store.load(key)
    store.append(state, Entry(at=NOW, plan=made, requested=requested))
    if not settled:
        store.open(key)
        return
    done = tuple(
        LoggedExecution(
            request_id=name,
            scraper="nbac_player_boxscore",
            subject=f"00224{number:05}",
            status=Status.SUCCESS,
            source=Source.CONTROLLER,
            triggered_at=NOW,
        )
        for name in requested
    )
    store.append(state, Entry(at=NOW, executions=done))


def fill(path: Path, executions: int) -> None:
    """Write the controller's objects after so many executions a day."""
    store = OccurrenceStore(CountedObjects(path=path), configuration().subject_parameters)
    for number in range(OPEN):
        remember(store, number, settled=False)
    for number in range(executions // UNITS):
        remember(store, 1_000_000 + number, settled=True)


def configuration() -> Configuration:
    """Return the shipped workflows."""
    return load_workflows(WORKFLOWS, load_catalog(SCRAPERS))


def build(
    path: Path, configured: Configuration, dataset: Callable[[list[str]], PastRows]
) -> tuple[Deps, CountedObjects, PastRows]:
    """Return the controller's deps over the bucket at `path`, with this bucket and its dataset.

    dataset: builds the dataset from the names of the scrapers.
    """
    state, data, calendar = CountedObjects(path=path), MemoryObjects("data"), configured.file.calendar.scraper
    body = json.dumps({"scraper": calendar, "records": [game.model_dump(mode="json") for game in games()]})
    data.put(
        f"{configured.calendar_folder}/{DAY}/schedule.json",
        body.encode(),
        content_type="application/json",
        metadata={"fetched-at": (NOW - timedelta(minutes=7)).isoformat()},
    )
    made = dataset(sorted({step.scraper for item in configured.workflows.values() for step in item.steps}))
    warehouse = MemoryWarehouse(answer=made.answer)
    deps = controller_deps(configured, state, data, RecordingBus(), warehouse, "bench")
    return deps, state, made


def prepare(path: Path, executions: int) -> tuple[Callable[[], None], CountedObjects, PastRows]:
    """Return a tick, to be handled once in a process, with its bucket and its dataset."""
    deps, state, dataset = build(path, configuration(), partial(PastRows, executions))
    tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=15)
    return lambda: handle_tick(tick, NOW, deps, NOW), state, dataset


def measure(executions: int, times: int) -> dict[str, Any]:
    """Measure the same tick several times, each in its own process that begins with the same memory.

    A warm-up tick has done the work of a new process (imports, compiled patterns, models). A further process has
    written the objects, so that its heap is not part of the measured one.
    """
    with tempfile.TemporaryDirectory(prefix="tipoff-bench-") as folder:
        path, warm = Path(folder) / "objects", Path(folder) / "warm"
        if os.fork() == 0:
            fill(path, executions)
            fill(warm, 10)
            os._exit(0)
        os.wait()
        warm_up, _, _ = prepare(warm, 10)
        warm_up()
        tick, state, dataset = prepare(path, executions)
        state.reset()
        gc.collect()
        gc.freeze()  # as a service does: the garbage collector skips older objects
        found = [_in_child(tick, state, dataset) for _ in range(times)]
    _, calls, moved, rows = found[0]
    return {
        "executions": executions,
        "cpu_ms": median_ms([seconds for seconds, *_ in found]),
        "calls": calls,
        "kib": round(moved / 1024, 1),
        "rows": rows,
    }


def _in_child(tick: Callable[[], None], state: CountedObjects, dataset: PastRows) -> list[Any]:
    """Return CPU seconds, calls, bytes and rows of the tick in a fork of this process."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        state.ask("BEGIN")  # never committed, so that each tick finds the same objects
        begin = time.process_time()
        tick()
        seconds = time.process_time() - begin
        os.write(writing, json.dumps([seconds, state.calls.total(), state.moved, dataset.rows]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found: list[Any] = json.loads(answer.read())
    os.wait()
    return found


def main(executions: Sequence[int] = (1_000, 10_000, 100_000), times: int = 9) -> Figures:
    """Measure.

    times: number of ticks of each size, whose median is reported.
    """
    # Each size runs in its own process, so that none inherits the memory of the size before.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        found = list(pool.map(measure, executions, repeat(times)))
    first, last = found[0], found[-1]
    aims = {
        f"{figure} grows by {FLAT - 1:.0%} at most": last[figure] <= FLAT * first[figure]
        for figure in ("calls", "kib", "cpu_ms")
    }
    return {"evaluations": found, "aims": aims}


if __name__ == "__main__":
    run(main)

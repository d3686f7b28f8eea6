"""One evaluation after more and more executions a day: its time, its calls and its bytes.

    python bench/evaluation.py [--executions 1000 10000 100000] [--json]

A tick is handled whole, with the shipped workflows, a calendar of twelve games and 200 open occurrences. What happened
before is there as the controller and the logger leave it: settled occurrences with their logs in the bucket, and a row
an execution in the dataset, over which the evaluation's one question is worked out here as BigQuery would. Measured are
the CPU time of the tick, the calls to the bucket, the bytes that they move, and the rows that
the dataset answers with. Aim: flat within 20% from the first size to the last. Exit code 1 when it is missed.
"""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

from arguments import bench_parser
from tipoff_common.catalog import load_catalog
from tipoff_common.events import Source, Tick, TickFired
from tipoff_common.limits import check_object
from tipoff_common.outcomes import Status
from tipoff_common.ports import ObjectInfo, Parameter, Versioned
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_controller.deps import Deps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.handlers import handle_tick
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.loading import Configuration, load_workflows
from tipoff_planning.occurrence_log import Entry, LoggedExecution
from tipoff_planning.plans import Plan, PlannedStep
from tipoff_planning.progress import PlanProgress

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))
from decide import DAY, NOW, games  # noqa: E402

OPEN, UNITS = 200, 10
FLAT = 1.2
DATES = 4
"""An evaluation asks about so many game dates."""


@dataclass(frozen=True)
class EvaluationTimes:
    """What one evaluation takes."""

    executions: int
    cpu_ms: float
    calls: Mapping[str, int]
    kib: float
    rows: int


class CountedObjects(MemoryObjects):
    """A bucket that counts calls and the bytes that they move.

    What it holds is in a file, as it is elsewhere for a service: 20,000 objects in this process would have the tick
    pay for a heap that no controller has (a fork's copied pages, caches that miss), half of its CPU time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.moved = 0
        self._path = path
        self._ask(
            "CREATE TABLE IF NOT EXISTS objects"
            " (name TEXT PRIMARY KEY, body BLOB, generation INTEGER) WITHOUT ROWID"
        )

    def create(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str = "",  # noqa: ARG002  # the port's signature
        metadata: Mapping[str, str] = {},
    ) -> bool:
        """See `Objects.create`."""
        check_object(name, metadata)
        self.calls["create"] += 1
        self.moved += len(body)
        inserted = "INSERT INTO objects VALUES (?, ?, 1) ON CONFLICT DO NOTHING RETURNING name"
        return bool(self._ask(inserted, name, body))

    def read(self, name: str) -> Versioned | None:
        """See `Objects.read`."""
        self.calls["get"] += 1
        found = self._ask("SELECT body, generation FROM objects WHERE name = ?", name)
        self.moved += sum(len(body) for body, _ in found)
        return Versioned(*found[0]) if found else None

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        found = self.read(name)
        return None if found is None else found.body

    def replace(self, name: str, body: bytes, *, generation: int) -> bool:
        """See `Objects.replace`."""
        self.calls["replace"] += 1
        self.moved += len(body)
        changed = (
            "UPDATE objects SET body = ?, generation = generation + 1 WHERE name = ? AND generation = ?"
            " RETURNING name"
        )
        return bool(self._ask(changed, body, name, generation))

    def put(
        self,
        name: str,
        body: bytes,
        *,
        content_type: str,  # noqa: ARG002  # the port's signature
        metadata: Mapping[str, str] = {},  # noqa: ARG002  # the port's signature
    ) -> None:
        """See `Objects.put`."""
        self.calls["put"] += 1
        self.moved += len(body)
        self._ask("REPLACE INTO objects VALUES (?, ?, 1)", name, body)

    def delete(self, name: str) -> None:
        """See `Objects.delete`."""
        self.calls["delete"] += 1
        self._ask("DELETE FROM objects WHERE name = ?", name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Objects.list`."""
        self.calls["list"] += 1
        # U+10FFFF sorts after every character of a name.
        names = "SELECT name, LENGTH(body) FROM objects WHERE name >= ? AND name < ? ORDER BY name"
        for name, size in self._ask(names, prefix, prefix + "\U0010ffff"):
            self.moved += len(name)
            yield ObjectInfo(name, size, NOW, {})

    def _ask(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            # A connection a process, as a fork must not share its parent's.
            if getattr(self, "_owner", None) != os.getpid():
                self._owner = os.getpid()
                self._connection = sqlite3.connect(
                    f"file:{self._path}", uri=True, check_same_thread=False, isolation_level=None
                )
                self._connection.execute("PRAGMA synchronous = OFF")
            return self._connection.execute(sql, values).fetchall()


class PastRows:
    """The rows of the execution log, and the answer to the evaluation's question about them."""

    def __init__(self, executions: int, scrapers: list[str]) -> None:
        self._groups: dict[tuple[str, str, str], list[int]] = {}
        # The groups repeat after so many; what is beyond adds to counts that nobody reads.
        for number in range(min(executions, len(scrapers) * 12) * DATES):
            day = DAY - timedelta(days=number % DATES)
            key = (scrapers[number % len(scrapers)], day.isoformat(), f"00224{number % 12:05}")
            self._groups.setdefault(key, []).append(number)
        self.rows = 0

    def answer(self, _sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """Return a row for each scraper, date and subject: what GROUP BY leaves."""
        names = parameters["scrapers"]
        assert isinstance(names, list)
        found = [
            {
                "request_id": "",
                "occurrence_id": "",
                "scraper_name": scraper,
                "game_date": DAY.fromisoformat(day),
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
        priority="MEDIUM",  # type: ignore[arg-type]  # as it is read from an object
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
    """Write what the controller has written after so many executions a day."""
    store = OccurrenceStore(CountedObjects(path), configuration().subject_parameters)
    for number in range(OPEN):
        remember(store, number, settled=False)
    for number in range(executions // UNITS):
        remember(store, 1_000_000 + number, settled=True)


def configuration() -> Configuration:
    """Return the shipped workflows."""
    catalog = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    return load_workflows(REPOSITORY / "config/workflows.yaml", catalog)


def build(
    path: Path, configured: Configuration, dataset: Callable[[list[str]], PastRows]
) -> tuple[Deps, CountedObjects, PastRows]:
    """Make the controller's deps over the bucket at `path`; return its bucket and its dataset too.

    dataset: made of the names of the scrapers.
    """
    state, data = CountedObjects(path), MemoryObjects("data")
    catalog = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    records = [game.model_dump(mode="json") for game in games()]
    folder = catalog[configured.file.calendar.scraper].output_root
    body = json.dumps({"scraper": configured.file.calendar.scraper, "records": records}).encode()
    fetched = {"fetched-at": (NOW - timedelta(minutes=7)).isoformat()}
    data.put(f"{folder}/{DAY}/schedule.json", body, content_type="application/json", metadata=fetched)
    scrapers = sorted({step.scraper for item in configured.workflows.values() for step in item.steps})
    made = dataset(scrapers)
    deps = Deps(
        environment="bench",
        configuration=configured,
        calendar=LandedCalendar(data, folder),
        ledger=Ledger(state),
        occurrences=OccurrenceStore(state, configured.subject_parameters),
        discovery=DiscoveryStore(state),
        pauses=PauseStore(state),
        warehouse=MemoryWarehouse(answer=made.answer),
        publisher=Publisher("controller", RecordingBus()),
    )
    return deps, state, made


def prepare(path: Path, executions: int) -> tuple[Callable[[], None], CountedObjects, PastRows]:
    """Return a tick, to be handled once in a process, with its bucket and its dataset."""
    deps, state, dataset = build(path, configuration(), partial(PastRows, executions))
    tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=15)
    return lambda: handle_tick(tick, NOW, deps, NOW), state, dataset


def measure(executions: int, times: int) -> EvaluationTimes:
    """Measure the same tick several times, each in a process of its own that begins with the same memory.

    What a process does for the first time (imports, compiled patterns, models) was done before by another tick; and
    what was written before was written by another process, whose heap is not the controller's.
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
        state.calls.clear()
        state.moved = 0
        gc.collect()
        gc.freeze()  # as a service does: what was there before is not gone over again
        found = [_in_child(tick, state, dataset) for _ in range(times)]
    _, calls, moved, rows = found[0]
    cpu = statistics.median(seconds for seconds, *_ in found)
    return EvaluationTimes(executions, round(cpu * 1e3, 1), calls, round(moved / 1024, 1), rows)


def _in_child(tick: Callable[[], None], state: CountedObjects, dataset: PastRows) -> list[Any]:
    """CPU seconds, calls, bytes and rows of the tick in a fork of this process."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        state._ask("BEGIN")  # never committed, so that each tick finds what the first one found
        begin = time.process_time()
        tick()
        seconds = time.process_time() - begin
        os.write(writing, json.dumps([seconds, state.calls, state.moved, dataset.rows]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found: list[Any] = json.loads(answer.read())
    os.wait()
    return found


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--executions", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=9, help="ticks of each size; the median counts")
    arguments = parser.parse_args()
    # Each size in a process of its own, so that none inherits the memory of the one before.
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        found = list(pool.map(measure, arguments.executions, repeat(arguments.times)))
    if arguments.json:
        print(json.dumps([asdict(item) for item in found]))
    else:
        print(f"{'executions a day':>17} {'CPU ms':>8} {'calls':>6} {'KiB':>7} {'rows':>6}")
        for item in found:
            calls = sum(item.calls.values())
            print(f"{item.executions:>17,} {item.cpu_ms:>8.1f} {calls:>6} {item.kib:>7.1f} {item.rows:>6}")
    first, last = found[0], found[-1]
    flat = (
        sum(last.calls.values()) <= FLAT * sum(first.calls.values())
        and last.kib <= FLAT * first.kib
        and last.cpu_ms <= FLAT * first.cpu_ms
    )
    return int(not flat)


if __name__ == "__main__":
    sys.exit(main())

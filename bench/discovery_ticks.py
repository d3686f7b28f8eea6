"""What the ticks of a day cost on which one search learns.

    python bench/discovery_ticks.py [--json]

The shipped workflows, of which the search for referees learns; a calendar of twelve games and 200 open occurrences, in
memory. Measured are the lock, which plans the search, an evaluation of all, and a tick between two evaluations with and
without a check: CPU time, calls to the bucket, queries of the dataset and decisions.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from uuid import UUID

from tipoff_common.catalog import load_catalog
from tipoff_common.clock import eastern
from tipoff_common.events import Source, Tick, TickFired, WorkflowDecided
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
from tipoff_planning.loading import load_workflows
from tipoff_planning.occurrence_log import Entry, LoggedExecution
from tipoff_planning.plans import Plan, PlannedStep
from tipoff_planning.progress import PlanProgress

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))
from decide import DAY, NOW, games  # noqa: E402

OPEN, UNITS = 200, 10
DATES = 4
"""An evaluation asks about so many game dates."""


@dataclass(frozen=True)
class Measured:
    """Of one evaluation."""

    executions: int
    cpu_ms: float
    calls: Mapping[str, int]
    kib: float
    rows: int


@dataclass
class Counted(MemoryObjects):
    """A bucket that counts calls and the bytes that they move."""

    calls: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    folders: dict[str, set[str]] = field(default_factory=dict)

    def create(
        self, name: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] = {}
    ) -> bool:
        self.calls["create"] += 1
        self.moved += len(body)
        return super().create(name, body, content_type=content_type, metadata=metadata)

    def read(self, name: str) -> Versioned | None:
        self.calls["get"] += 1
        return super().read(name)

    def get(self, name: str) -> bytes | None:
        self.calls["get"] += 1
        body = super().get(name)
        self.moved += len(body or b"")
        return body

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.calls["list"] += 1
        for name in self._below(prefix):
            self.moved += len(name)
            yield self._info(name)

    def _below(self, prefix: str) -> list[str]:
        # The fake of a bucket looks at every name; Cloud Storage, and this, at those below the prefix.
        folder = prefix.rsplit("/", 1)[0]
        return sorted(name for name in self.folders.get(folder, ()) if name in self.bodies)

    def _write(self, name: str, body: bytes, metadata: Mapping[str, str]) -> None:
        super()._write(name, body, metadata)
        parts = name.split("/")
        for depth in range(1, len(parts)):
            self.folders.setdefault("/".join(parts[:depth]), set()).add(name)


class Dataset:
    """The rows of the execution log, and the answer to the evaluation's question about them."""

    def __init__(self, executions: int, scrapers: list[str]) -> None:
        self._groups: dict[tuple[str, str, str], list[int]] = {}
        for number in range(executions * DATES):
            day = DAY - timedelta(days=number % DATES)
            key = (scrapers[number % len(scrapers)], day.isoformat(), f"00224{number % 12:05}")
            self._groups.setdefault(key, []).append(number)
        self.rows = self.queries = 0

    def answer(self, _sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """A row for each scraper, date and subject: what GROUP BY leaves."""
        self.queries += 1
        if "searched_scrapers" in parameters:
            return looks()
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


def looks() -> list[dict[str, Any]]:
    """What a beat of half an hour saw of forty days: nothing until ten, found at half past."""
    return [
        {
            "request_id": f"{day}/{number}",
            "scraper_name": "nbac_referee_assignments",
            "game_date": day,
            "status": "success" if number == 3 else "no_data",
            "error_type": None,
            "source": "CONTROLLER",
            "triggered_at": eastern(day, time_of_day(9)) + number * timedelta(minutes=30),
            "opts": None,
            "completeness": None,
        }
        for day in (DAY - timedelta(days=back) for back in range(1, 41))
        for number in range(4)
    ]


def plan(number: int) -> Plan:
    """A plan of ten units."""
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
    """One occurrence as the controller leaves it: its plan, and its executions unless it is open."""
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


def measure_discover() -> dict[str, Any]:
    """The ticks of a day on which the shipped search for referees learns, and the decisions that each publishes."""
    shipped = (REPOSITORY / "config/workflows.yaml").read_text()
    searching = "refresh_after_found: 3h\n"
    assert shipped.count(searching) == 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflows.yaml"
        file.write_text(shipped.replace(searching, f"{searching}    discovery: {{ strategy: learned }}\n"))
        deps, state, dataset = build(1_000, file)
    bus = deps.publisher._bus
    assert isinstance(bus, RecordingBus)
    five = eastern(DAY, time_of_day(5))

    def measured(tick: Tick, instant: datetime, cadence: int) -> dict[str, Any]:
        bus.published.clear()
        fired = TickFired(tick=tick, cadence_minutes=cadence)
        found = handled(fired, instant, 1_000, deps, state, dataset)
        return {
            "cpu_ms": found.cpu_ms,
            "calls": sum(found.calls.values()),
            "queries": dataset.queries,
            "decisions": len(bus.of(WorkflowDecided)),
        }

    lock = measured(Tick.LOCK_SCHEDULE, five, 60)
    planned = deps.discovery.known("referee_discovery", DAY)
    assert planned is not None
    assert planned.learned
    checks = [planned.at(check) for check in planned.checks]
    between = next(instant for instant in checks if instant.minute % 15)
    idle = next(
        instant
        for instant in (five + number * timedelta(minutes=5) for number in range(60, 200))
        if instant.minute % 15 and instant not in checks
    )
    return {
        "lock": lock,
        "evaluate": measured(Tick.EVALUATE, eastern(DAY, time_of_day(8, 30)), 15),
        "discover_idle": measured(Tick.DISCOVER, idle, 5),
        "discover_check": measured(Tick.DISCOVER, between, 5),
        "checks_of_the_day": len(checks),
        "between_evaluations": sum(bool(instant.minute % 15) for instant in checks),
    }


def build(executions: int, workflows: Path) -> tuple[Deps, Counted, Dataset]:
    """The controller's deps with what it remembers, its bucket, and its dataset."""
    catalog = load_catalog(REPOSITORY / "services/scraper-runner/scrapers")
    configured = load_workflows(workflows, catalog)
    state, data = Counted("state"), MemoryObjects("data")
    store = OccurrenceStore(state, configured.subject_parameters)
    for number in range(OPEN):
        remember(store, number, settled=False)
    for number in range(executions // UNITS):
        remember(store, 1_000_000 + number, settled=True)
    records = [game.model_dump(mode="json") for game in games()]
    folder = catalog[configured.file.calendar.scraper].output_root
    body = json.dumps({"scraper": configured.file.calendar.scraper, "records": records}).encode()
    fetched = {"fetched-at": (NOW - timedelta(minutes=7)).isoformat()}
    data.put(f"{folder}/{DAY}/schedule.json", body, content_type="application/json", metadata=fetched)
    scrapers = sorted({step.scraper for item in configured.workflows.values() for step in item.steps})
    dataset = Dataset(executions, scrapers)
    deps = Deps(
        environment="bench",
        configuration=configured,
        calendar=LandedCalendar(data, folder),
        ledger=Ledger(state),
        occurrences=OccurrenceStore(state, configured.subject_parameters),  # a new process
        discovery=DiscoveryStore(state),
        pauses=PauseStore(state),
        warehouse=MemoryWarehouse(answer=dataset.answer),
        publisher=Publisher("controller", RecordingBus()),
    )
    return deps, state, dataset


def handled(
    tick: TickFired, now: datetime, executions: int, deps: Deps, state: Counted, dataset: Dataset
) -> Measured:
    """Handle a tick, and measure it."""
    state.calls.clear()
    state.moved = dataset.rows = dataset.queries = 0
    gc.collect()
    gc.freeze()  # as a service does: what was there before is not gone over again
    begin = time.process_time()
    handle_tick(tick, now, deps, now)
    seconds = time.process_time() - begin
    return Measured(
        executions, round(seconds * 1e3, 1), dict(state.calls), round(state.moved / 1024, 1), dataset.rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    print(json.dumps(measure_discover(), indent=None if arguments.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

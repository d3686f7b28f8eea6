"""Operations on Cloud Storage and tables read by a game day of the shipped fleet, counted at the ports of the services'
own handlers.

Controller, runner and cleanup run days of twelve games over buckets in memory. The last day is counted; the others are
the history that a tick reads. Every source answers at once with new content, the outcome of an execution with the most
operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import httpx
from pydantic import ConfigDict
from tests.support.controller import at, controller_deps, slate

from bench.buckets import Calls, CountedObjects
from bench.scans import tables_read
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps as CleanupDeps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.losses import LoggedFile
from tipoff_cleanup.memory import CleanupMemory
from tipoff_cleanup.settings import CleanupSettings
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_common.catalog import Assertions, Catalog, ScraperSpec, load_catalog
from tipoff_common.events import ScrapeRequested, Tick, TickFired
from tipoff_common.ports import Parameter
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryWarehouse, RecordingBus
from tipoff_controller.follow_ups import note_execution
from tipoff_controller.handlers import handle_tick
from tipoff_planning.loading import load_workflows
from tipoff_scraper_runner.deps import Deps as RunnerDeps
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper, Registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

LAST, GAMES = date(2025, 1, 15), 12
DAY = timedelta(days=1)
CLASS_A = {"create", "put", "list", "replace", "annotate"}
CLASS_B = {"get", "info", "read"}
"""https://cloud.google.com/storage/pricing#operations-by-class"""


@dataclass(frozen=True)
class Operations:
    """The calls of one day."""

    ticks: int
    executions: int
    calls: Calls
    quiet: Calls
    """Calls of the tick with the fewest, at which no run is due."""
    listed: float
    """Average number of names that a tick lists."""
    scans: Counter[str]
    """Number of queries of the day's ticks that read each table."""

    @property
    def listed_for_an_execution(self) -> float:
        """Average number of names that each tick lists for each execution of the day."""
        return self.listed / self.executions

    def of_a_tick(self, kind: set[str]) -> int:
        """Count the calls of these kinds that a tick makes."""
        return sum(count for (_, call), count in self.quiet.items() if call in kind)

    def of_an_execution(self, kind: set[str]) -> float:
        """Count the calls of these kinds that an execution adds."""
        return sum(self.by_caller(kind).values())

    def by_caller(self, kind: set[str]) -> Mapping[str, float]:
        """Return the calls that an execution adds to those of the ticks, by caller."""
        found: Counter[str] = Counter()
        for (who, call), count in self.calls.items():
            if call in kind:
                found[who] += count - self.ticks * self.quiet[who, call]
        return {who: count / self.executions for who, count in found.items() if count}


class AnyRecord(Record):
    """A record with any fields."""

    model_config = ConfigDict(extra="allow")


class Anything(ScrapeParameters):
    """Parameters with any names."""

    model_config = ConfigDict(extra="allow")


class Stub:
    """A scraper whose source always has new content; the calendar's source has the games."""

    Parameters: type[ScrapeParameters] = Anything

    def __init__(self, spec: ScraperSpec, of_games: bool) -> None:
        self._spec, self._of_games = spec, of_games

    def fetch(self, parameters: ScrapeParameters, http: Http) -> Payload:
        """Return a payload that differs by parameters and instant."""
        return Payload(f"{parameters} {http.now}".encode(), "https://source.example", "json")

    def parse(self, payload: bytes, parameters: ScrapeParameters) -> Parsed:
        """Return one row, or the games of five days."""
        rows = [AnyRecord(text=payload.decode())]
        if self._of_games:
            games = [
                game
                for place in (-2, -1, 0, 1, 2)
                for game in slate(GAMES, parameters.game_date + place * DAY)
            ]
            rows = [AnyRecord(**game.model_dump(mode="json"), fetched=payload.decode()) for game in games]
        values = tuple(f"value-{number}" for number in range(GAMES))
        return Parsed(rows, fan_out=dict.fromkeys(self._spec.fan_out_keys, values))


class BenchFleet:
    """The services on one bus and two buckets."""

    def __init__(self) -> None:
        shipped = load_catalog(SCRAPERS)
        any_volume = Assertions(min=1, max=1_000_000)
        catalog = Catalog(
            {name: spec.model_copy(update={"assertions": any_volume}) for name, spec in shipped.items()}
        )
        configuration = load_workflows(WORKFLOWS, catalog)
        calendar = configuration.file.calendar.scraper
        self.state, self.data, self.bus = CountedObjects("state"), CountedObjects("data"), RecordingBus()
        self.buckets = (self.state, self.data)
        self.scans: Counter[str] = Counter()
        warehouse = MemoryWarehouse(answer=self._answer)
        self.controller = controller_deps(configuration, self.state, self.data, self.bus, warehouse, "bench")
        self.runner = RunnerDeps(
            environment="bench",
            registry=Registry(
                {
                    name: RegisteredScraper(spec, Stub(spec, name == calendar))
                    for name, spec in catalog.items()
                }
            ),
            memory=RequestMemory(self.state),
            data=self.data,
            publisher=Publisher("scraper-runner", self.bus),
            open_http=lambda spec, now, replaying: HttpxHttp(
                spec, now, Pacer(), replaying=replaying, transport=httpx.MockTransport(nothing)
            ),
        )
        settings = CleanupSettings.model_construct()
        self.cleanup = CleanupDeps(
            environment="bench",
            lookback=settings.lookback,
            rule=settings.rule,
            pubsub_enabled=True,
            catalog=catalog,
            memory=CleanupMemory(self.state),
            dataset=FileDataset(warehouse, "bench"),
            data=self.data,
            publisher=Publisher("cleanup", self.bus),
        )
        self.executions = 0

    @property
    def calls(self) -> Calls:
        """The calls to both buckets."""
        return self.state.calls + self.data.calls

    @property
    def listed(self) -> int:
        """Number of names that evaluations and cleanups have listed."""
        return sum(bucket.listed[who] for bucket in self.buckets for who in ("evaluation", "cleanup"))

    def tick(self, instant: datetime) -> Calls:
        """Handle a tick and the requests that follow from it; return their calls."""
        so_far = self.calls
        for bucket in self.buckets:
            bucket.now = instant
        self._as("evaluation")
        handle_tick(fired(Tick.EVALUATE), instant, self.controller, instant)
        if instant == at("05:00", instant.date()):
            handle_tick(fired(Tick.LOCK_SCHEDULE), instant, self.controller, instant)
        self._as("cleanup")
        run_cleanup(fired(Tick.CLEANUP), instant, self.cleanup, instant)
        while requests := self.bus.of(ScrapeRequested):
            self.bus.published.clear()
            for request in requests:
                self._as("runner")
                executed = run_request(request, self.runner, instant)
                self._as("follow-up")
                note_execution(executed, self.controller, instant)
                self.executions += 1
        return self.calls - so_far

    def _answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.scans.update(tables_read(sql))
        return all_is_well(sql, parameters)

    def _as(self, who: str) -> None:
        for bucket in self.buckets:
            bucket.who = who


def fired(tick: Tick) -> TickFired:
    """Build a tick."""
    return TickFired(tick=tick, cadence_minutes=1)


def nothing(_request: httpx.Request) -> httpx.Response:
    """Answer every request with 404."""
    return httpx.Response(404)


def all_is_well(sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """Return the rows of a dataset in which every file has its execution and its receipt."""
    if "overtaken_before" in sql:
        none = dict.fromkeys(item.name for item in fields(LoggedFile))
        counts = {"files": 1, "waiting": 0, "receipts": 1, "overtaken_before": None}
        return [{**none, **counts, "last_cleanup": parameters["now"]}]
    paths = parameters.get("paths", ())
    return [{"gcs_path": path} for path in paths] if isinstance(paths, list) else []


@cache
def count_operations(days: int = 4, every: timedelta = timedelta(minutes=15)) -> Operations:
    """Simulate some days and count the operations of the last. every: time from tick to tick."""
    fleet = BenchFleet()
    for place in range(days):
        executions, calls, listed = fleet.executions, fleet.calls, fleet.listed
        scans = fleet.scans.copy()
        ticks = [
            fleet.tick(at("00:00", LAST - (days - 1 - place) * DAY) + number * every)
            for number in range(DAY // every)
        ]
    return Operations(
        ticks=len(ticks),
        executions=fleet.executions - executions,
        calls=fleet.calls - calls,
        quiet=min(ticks, key=Counter.total),
        listed=(fleet.listed - listed) / len(ticks),
        scans=fleet.scans - scans,
    )

"""The services, wired as their bootstrap does, on the ports of the simulation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.simulation import fleet
from tests.simulation.cloud import Warehouse, call
from tests.simulation.faults import Kind
from tests.simulation.fleet import ENVIRONMENT, EVERY
from tests.simulation.process import Done, Handle, Process
from tests.simulation.scheduler import Inline, Lock
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps as CleanupDeps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.losses import LossRule
from tipoff_cleanup.memory import CleanupMemory
from tipoff_common.events import ScrapeExecuted, ScrapeRequested, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.push import Delivery
from tipoff_controller.deps import Deps as ControllerDeps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.execution_groups import ExecutionGroups
from tipoff_controller.follow_ups import note_executions
from tipoff_controller.handlers import handle_delivery as handle_at_controller
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import Concurrency, OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_dataset.files import QUERIES
from tipoff_logger.deps import Deps as LoggerDeps
from tipoff_logger.handlers import record_event
from tipoff_logger.row_commit import Bounds, RowCommit
from tipoff_monitor.channels import Sender
from tipoff_monitor.deps import Deps as MonitorDeps
from tipoff_monitor.handlers import handle_delivery as handle_at_monitor
from tipoff_monitor.loading import RuleBook, load_rules
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.notices import Notice
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_scraper_runner.deps import Deps as RunnerDeps
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.request_memory import RequestMemory

RULE = LossRule(
    lost_after=timedelta(hours=1),
    grace=timedelta(minutes=15),
    behind_after=timedelta(minutes=45),
    backoff=timedelta(minutes=25),
    max_republishes=3,
    storm_files=50,
    storm_share=0.25,
)
LOOKBACK = timedelta(hours=24)
BOUNDS = Bounds(500, 4 << 20, 0.05, 2_000, 16 << 20, 15.0)


@cache
def rule_book() -> RuleBook:
    """Return the rules of alerts.yaml."""
    return load_rules(Path(__file__).parent / "alerts.yaml", QUERIES)


@cache
def scrapers() -> Any:
    """Return the registry of the fleet."""
    return fleet.registry()


def controller(process: Process) -> Handle:
    """Wire a controller."""
    world = process.world
    configuration = world.configurations[process.version == 1]
    concurrency = Concurrency(lock=lambda: Lock(world.hub), locks=4, readers=Inline)
    deps = ControllerDeps(
        environment=ENVIRONMENT,
        configuration=configuration,
        calendar=LandedCalendar(process.retrying(process.data), configuration.calendar_folder),
        ledger=Ledger(process.retrying(process.state)),
        occurrences=OccurrenceStore(
            process.retrying(process.state), configuration.subject_parameters, concurrency
        ),
        discovery=DiscoveryStore(process.retrying(process.state)),
        pauses=PauseStore(process.retrying(process.state)),
        evaluated_every=timedelta(minutes=EVERY),
        warehouse=Warehouse(process),
        publisher=process.publisher(),
    )
    groups = ExecutionGroups(
        lambda key, events: note_executions(key, events, deps, process.now()),
        deps.occurrences.under_way,
        process.loop.time,
        process.run_in_thread,
    )

    def handle(delivery: Delivery, done: Done) -> None:
        if isinstance(delivery.event, ScrapeExecuted):
            _start(process, groups.submit(delivery.event), done)
        else:
            process.task(lambda: handle_at_controller(delivery, deps, process.now()), done)

    return handle


def runner(process: Process) -> Handle:
    """Wire a runner."""
    world = process.world

    def open_http(spec: Any, now: datetime, _replaying: bool) -> Any:
        return fleet.Http(spec, now, lambda scraper, subject: _fetch_document(process, scraper, subject))

    deps = RunnerDeps(
        environment=ENVIRONMENT,
        registry=scrapers(),
        memory=RequestMemory(process.state),
        data=process.data,
        publisher=process.publisher(),
        open_http=open_http,
        monotonic=lambda: world.hub.now,
    )

    def handle(delivery: Delivery, done: Done) -> None:
        def work() -> None:
            assert isinstance(delivery.event, ScrapeRequested)
            # The source cannot tell requests apart; the checker has to.
            assert world.hub.current is not None
            world.requests_of[world.hub.current] = delivery.event.request_id
            run_request(delivery.event, deps, process.now())

        process.task(work, done)

    return handle


def _fetch_document(process: Process, scraper: str, subject: str) -> bytes | None:
    world = process.world

    def effect() -> bytes | None:
        task = world.hub.current
        published = world.instant() >= world.truth.published[scraper, subject]
        request = world.requests_of.get(task) if task else None
        world.log.add(
            world.hub.now,
            "fetch",
            process.name,
            scraper=scraper,
            subject=subject,
            request=request,
            found=published,
        )
        return world.truth.document(scraper, subject) if published else None

    if world.injector.hit(Kind.SOURCE_BLOCKS, world.hub.now):
        raise fleet.SourceBlocks("403 for a document known to exist")
    try:
        # A scraper's request lasts no longer than its timeout, which is shorter than its lease.
        timeout = float(scrapers().catalog[scraper].timeout_seconds)
        return call(process, "source", f"ask {scraper}", effect, timeout)
    except Unavailable as error:
        raise fleet.SourceFails(f"503 from the source: {error}") from error


def cleanup(process: Process) -> Handle:
    """Wire cleanup."""
    world = process.world
    deps = CleanupDeps(
        environment=ENVIRONMENT,
        lookback=LOOKBACK,
        rule=RULE,
        pubsub_enabled=True,
        catalog=scrapers().catalog,
        memory=CleanupMemory(process.state),
        dataset=FileDataset(Warehouse(process), ENVIRONMENT),
        data=process.data,
        publisher=process.publisher(),
        monotonic=lambda: world.hub.now,
    )

    def handle(delivery: Delivery, done: Done) -> None:
        def work() -> None:
            now = process.now()
            assert isinstance(delivery.event, TickFired)
            run_cleanup(delivery.event, delivery.message.publish_time or now, deps, now)

        process.task(work, done)

    return handle


def logger(process: Process) -> Handle:
    """Wire the logger."""
    warehouse = Warehouse(process)

    async def append(table: str, rows: Any, row_ids: Any) -> None:
        await process.run_in_thread(warehouse.append, table, rows, row_ids)

    deps = LoggerDeps(
        environment=ENVIRONMENT,
        commit=RowCommit(append, BOUNDS, process.loop.time),
        publisher=process.publisher(),
        state=process.state,
        run=process.run_in_thread,
    )

    def handle(delivery: Delivery, done: Done) -> None:
        _start(process, record_event(delivery, deps, process.now()), done)

    return handle


def _start(process: Process, work: Any, done: Done) -> None:
    """Run a coroutine on the process's loop."""
    task = process.loop.create_task(work)

    def finished(found: Any) -> None:
        if not found.cancelled():
            done(None, found.exception())

    task.add_done_callback(finished)


@dataclass(frozen=True)
class Channel:
    """A notification channel that records its notices."""

    process: Process
    name: str

    def send(self, notice: Notice) -> bool:
        world = self.process.world

        def effect() -> None:
            world.log.add(
                world.hub.now, "notice", self.process.name, channel=self.name, event=notice.event_id,
                alert=notice.alert_id, title=notice.title, resolved=notice.resolved,
            )  # fmt: skip

        try:
            call(self.process, "channel", f"send {notice.title}", effect)
        except Unavailable:
            return False
        return True


def _send_sequentially(senders: Mapping[str, Sender], notice: Notice) -> Mapping[str, bool]:
    return {name: sender.send(notice) for name, sender in senders.items()}


def monitor(process: Process) -> Handle:
    """Wire a monitor."""
    configuration = process.world.configurations[process.version == 1]
    calendar = LandedCalendar(process.retrying(process.data), configuration.calendar_folder)

    def game_names(now: datetime) -> Mapping[str, str]:
        try:
            found = calendar.current(now)
        except Unavailable:
            return {}
        return found.game_names if found else {}

    book = rule_book()
    deps = MonitorDeps(
        environment=ENVIRONMENT,
        book=book,
        version="1",
        config_hash=configuration.hash,
        levels={name: workflow.alert_level for name, workflow in configuration.workflows.items()},
        sources=configuration.catalog.sources,
        names=game_names,
        state=MonitorState(process.state),
        warehouse=Warehouse(process),
        publisher=process.publisher(),
        senders={name: Channel(process, name) for name in book.file.channels},
        send=_send_sequentially,
    )

    def handle(delivery: Delivery, done: Done) -> None:
        process.task(lambda: handle_at_monitor(delivery, deps, process.now()), done)

    return handle


SERVICES: Mapping[str, Callable[[Process], Handle]] = {
    "controller": controller,
    "scraper-runner": runner,
    "cleanup": cleanup,
    "logger": logger,
    "monitor": monitor,
}

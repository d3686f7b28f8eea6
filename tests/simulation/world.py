"""One run: a seed becomes a morning of a fleet, with faults, and a while without any in which everything must heal."""

import gc
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gcp_emulators.pubsub.filters import parse as parse_filter
from tests.simulation import fleet
from tests.simulation.cloud import Bucket, Bus, Rows, Stored, Warehouse, call, instant_of
from tests.simulation.faults import HOUR, MINUTE, Fates, Fault, Kind, draw_faults
from tests.simulation.record import EventLog
from tests.simulation.scheduler import Hub, Inline, Lock, SimulatedLoop, Task
from tests.support.controller import at as new_york
from tipoff_cleanup.dataset import FileDataset
from tipoff_cleanup.deps import Deps as CleanupDeps
from tipoff_cleanup.handlers import run_cleanup
from tipoff_cleanup.losses import LossRule
from tipoff_cleanup.memory import CleanupMemory
from tipoff_common import wall_clock
from tipoff_common.binding import Message
from tipoff_common.events import (
    EVENTS,
    Event,
    FileLanded,
    FileProcessed,
    MessageRejected,
    RejectReason,
    ScrapeExecuted,
    ScrapeRequested,
    Tick,
    TickFired,
)
from tipoff_common.identity import content_hash
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery
from tipoff_common.rejections import rejection
from tipoff_common.retrying_objects import RetryingObjects
from tipoff_common.topics import Subscription, TopicMap, load_topics
from tipoff_controller.deps import Deps as ControllerDeps
from tipoff_controller.discovery_store import DiscoveryStore
from tipoff_controller.execution_groups import ExecutionGroups
from tipoff_controller.follow_ups import note_executions
from tipoff_controller.handlers import handle_delivery as handle_at_controller
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import Concurrency, OccurrenceStore
from tipoff_controller.pause_store import PauseStore
from tipoff_dataset.files import QUERIES
from tipoff_logger.batching import Bounds, RowCommit
from tipoff_logger.deps import Deps as LoggerDeps
from tipoff_logger.handlers import record_event
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

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "prod"
DAYS = (date(2025, 1, 15), date(2025, 3, 9), date(2025, 11, 2))
"""An ordinary day, and those on which New York's clocks change."""
BEGINS = "08:30"
"""In New York."""
FAULTS_UNTIL, HEALED_AFTER = 4.0 * HOUR, 2.5 * HOUR
"""What is wrong at 12:30, when all of the day is under way or over, has until 16:00 to heal in."""
DURATION = FAULTS_UNTIL + HEALED_AFTER
"""Of a day of two games."""
RHYTHM = ((Tick.EVALUATE, 1.0), (Tick.CLEANUP, 70.0), (Tick.WATCH, 200.0))
"""Which tick comes when, in seconds after the full half hour."""
EVERY = 30
"""Minutes from one tick to the next."""
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


def faults_until(shape: fleet.Shape) -> float:
    """Return when the last fault is over: when the last game is under way."""
    return FAULTS_UNTIL + 30 * MINUTE * max(0, shape.games - 2)


@cache
def topic_map() -> TopicMap:
    """The real map of topics."""
    return load_topics(ROOT / "infra/topics.yaml")


@cache
def routes() -> Mapping[str, Sequence[tuple[str, str, Subscription, Any]]]:
    """Each type of event, and who subscribes to it by which filter."""
    found: dict[str, list[tuple[str, str, Subscription, Any]]] = {}
    for topic, name, settings in topic_map().subscriptions():
        for event_type in topic_map().topics[topic].events:
            found.setdefault(event_type, []).append((topic, name, settings, parse_filter(settings.filter)))
    return found


@cache
def rule_book() -> RuleBook:
    """The rules of alerts.yaml."""
    return load_rules(Path(__file__).parent / "alerts.yaml", QUERIES)


@cache
def scrapers() -> Any:
    """The registry of the fleet."""
    return fleet.registry()


@cache
def configurations(shape: fleet.Shape) -> Any:
    """The configurations before and after a deployment."""
    return fleet.configurations(shape)


@dataclass
class Process:
    """One instance of a service: what it holds in memory is gone with it."""

    world: "World"
    service: str
    number: int
    skew: float = 0.0
    version: int = 0
    paused_until: float = 0.0
    calls: int = 0
    alive: bool = False
    incarnation: int = 0
    tasks: dict[Task, None] = field(default_factory=dict)
    deliveries: "dict[_Handling, None]" = field(default_factory=dict)
    crashes: list[tuple[Fault, int]] = field(default_factory=list)
    """Planned ends: the fault, and the count of calls at which it strikes."""

    @property
    def name(self) -> str:
        return f"{self.service}-{self.number}"

    def now(self) -> datetime:
        """What its clock says."""
        return self.world.instant() + timedelta(seconds=self.skew)

    def start(self) -> None:
        """Come up with nothing in memory."""
        self.alive, self.incarnation, self.paused_until = True, self.incarnation + 1, 0.0
        self.tasks = {}
        self.deliveries = {}
        self.loop = SimulatedLoop(self.world.hub, self)  # type: ignore[abstract]  # only what is used
        self.handle = self.world.services[self.service](self)
        self.world.log.add(self.world.hub.now, "start", self.name, version=self.version)

    def planned_crash(self) -> Fault | None:
        """Return the fault that ends the process at this call."""
        for planned in self.crashes:
            if self.calls >= planned[1]:
                self.crashes.remove(planned)
                return planned[0]
        return None

    def crash(self, where: str, fault: Fault | None = None, *, back_after: float | None = None) -> None:
        """Die at once: what it was doing is never finished, and nobody is answered."""
        world = self.world
        if not self.alive:
            return
        if fault is not None:
            world.fates.counts[Kind.CRASH] = world.fates.counts.get(Kind.CRASH, 0) + 1
        world.log.add(world.hub.now, "crash", self.name, where=where)
        self.alive = False
        self.loop.close()
        for task in list(self.tasks):
            task.kill()
        for handling in list(self.deliveries):
            world.hub.after(world.latency(), handling.broken)
        self.deliveries.clear()
        delay = world.draw.uniform(1, 90) if back_after is None else back_after
        world.hub.after(delay, self.start)

    def task(self, work: Callable[[], Any], done: Callable[[Any, Exception | None], None]) -> Task:
        return Task(self.world.hub, self, work, done)

    def in_a_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """In place of `run_in_threadpool`: an awaitable of what a task of its own comes to."""
        future, loop = self.loop.create_future(), self.loop

        def done(result: Any, error: Exception | None) -> None:
            if loop.closed or future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.task(lambda: work(*arguments), done)
        return future

    def publisher(self) -> Publisher:
        return Publisher(self.service, Bus(self))

    def retrying(self, bucket: Bucket) -> RetryingObjects:
        """A bucket whose failed calls are repeated, in simulated time."""
        return RetryingObjects(bucket, self.world.hub.sleep, self.world.hub_now)

    @property
    def state(self) -> Bucket:
        return Bucket(self, "state", self.world.state)

    @property
    def data(self) -> Bucket:
        return Bucket(self, "data", self.world.data)


Done = Callable[[Any, Exception | None], None]
Handle = Callable[[Delivery, Done], None]


@dataclass(eq=False)
class Pushed:
    """One message of one subscription."""

    number: int
    subscription: str
    settings: Subscription
    topic: str
    event: Event
    published: float
    attempts: int = 0
    acknowledged: bool = False


@dataclass(eq=False)
class _Handling:
    """One attempt of one message at one process."""

    broker: "Broker"
    message: Pushed
    process: Process
    over: bool = False

    def answered(self, _result: Any, error: Exception | None) -> None:
        """The handler returned or raised."""
        world, name = self.broker.world, self.process.name
        self.process.deliveries.pop(self, None)
        if error is None:
            world.log.add(world.hub.now, "ack", name, message=self.message.number, late=self.over)
            if world.fates.befalls(Kind.LOST_ACK, world.hub.now):
                return
            # A late answer counts as well, if Pub/Sub still listens; it does not after its deadline.
            if not self.over:
                self.message.acknowledged = True
                self.over = True
            return
        told = f"{type(error).__name__}: {error}"
        unforeseen = not isinstance(error, Unavailable)
        world.log.add(
            world.hub.now, "nack", name, message=self.message.number, error=told[:300], unforeseen=unforeseen
        )
        self.broken()

    def broken(self) -> None:
        """No answer, or a bad one: the message comes again."""
        if not self.over:
            self.over = True
            self.broker.again(self.message)


@lru_cache(maxsize=256)
def _read(event_type: str, data: str) -> Event:
    """Read an event as a subscriber does. Ticks, and what is published again, are the same text many times."""
    return EVENTS[event_type].model_validate_json(data)


class Broker:
    """Pub/Sub: at least once, in any order, with back-off and dead letters."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self._messages = 0
        self.open: dict[Pushed, None] = {}
        self._routes = routes()

    def publish(self, event: Event, process: Process | None, by: str = "") -> None:
        """Take an event; whoever subscribes to it will have it."""
        world = self.world
        data = event.model_dump_json()
        name = process.name if process else by
        world.log.add(
            world.hub.now,
            "publish",
            name,
            type=event.TYPE,
            id=event.id,
            digest=content_hash(data.encode())[:16],
            data=data,
        )
        if process is not None and process.version == 2:
            # A later version of the service adds fields, as versions may.
            data = f'{data[:-1]},"added_later":{{"by":"{process.name}"}}}}'
        # What a subscriber reads is what was written, not the object that the publisher holds.
        read = _read(event.TYPE, data)
        if isinstance(event, FileLanded):
            world.phase2.take(event)
        attributes = {**event.filter_attributes, "ce-type": event.TYPE}
        for topic, subscription, settings, wanted in self._routes.get(event.TYPE, ()):
            if wanted(attributes):
                self._add(subscription, settings, topic, read)

    def _add(self, subscription: str, settings: Subscription, topic: str, event: Event) -> None:
        world = self.world
        self._messages += 1
        message = Pushed(self._messages, subscription, settings, topic, event, world.hub.now)
        self.open[message] = None
        late = world.fates.befalls(Kind.DELAY, world.hub.now)
        world.hub.after(
            world.latency() + (world.fates.draw(late).uniform(0, late.size) if late else 0.0),
            self.deliver,
            message,
        )
        if world.fates.befalls(Kind.DUPLICATE, world.hub.now):
            world.hub.after(world.latency() * 3, self.deliver, message, True)

    def deliver(self, message: Pushed, copy: bool = False) -> None:
        """Push a message to one of its service's processes."""
        world, now = self.world, self.world.hub.now
        if message.acknowledged:
            self.open.pop(message, None)
            return
        message.attempts += not copy
        if message.attempts > world.max_attempts and not copy:
            self._give_up(message)
            return
        ready = [it for it in world.processes[message.settings.service] if it.alive]
        if not ready or world.fates.befalls(Kind.LOST_DELIVERY, now):
            if not copy:
                self.again(message)
            return
        process = ready[world.draw.randrange(len(ready))]
        handling = _Handling(self, message, process)
        process.deliveries[handling] = None
        world.log.add(
            now, "deliver", process.name, message=message.number, subscription=message.subscription,
            attempt=message.attempts, type=message.event.TYPE, id=message.event.id,
            request=getattr(message.event, "request_id", None),
        )  # fmt: skip
        delivery = Delivery(
            message.event,
            None,  # type: ignore[arg-type]  # nobody below the push edge looks at the envelope
            Message(
                b"", {}, str(message.number), instant_of(world.start, message.published), message.subscription
            ),
        )
        process.handle(delivery, handling.answered)
        if not copy:
            world.hub.after(message.settings.ack_deadline_seconds, self._expire, handling)

    def _expire(self, handling: _Handling) -> None:
        if not handling.message.acknowledged:
            handling.broken()

    def again(self, message: Pushed) -> None:
        """Deliver later, and later each time."""
        retry = topic_map().retry
        wait = min(retry.maximum_seconds, retry.minimum_seconds * 2 ** min(message.attempts, 10))
        self.world.hub.after(wait * self.world.draw.uniform(0.8, 1.2), self.deliver, message)

    def _give_up(self, message: Pushed) -> None:
        """Hand a message to the dead letters, as the push edge of the logger reads it."""
        message.acknowledged = True
        self.open.pop(message, None)
        if message.topic == topic_map().dead_letter_topic:
            return
        event = rejection(
            Message(
                b"{}",
                {"ce-type": message.event.TYPE},
                str(message.number),
                self.world.instant(),
                message.subscription,
            ),
            RejectReason.DELIVERY_ATTEMPTS,
            f"{message.event.TYPE} {message.event.id}",
            service="pubsub",
            environment=ENVIRONMENT,
            at=self.world.instant(),
        )
        assert isinstance(event, MessageRejected)
        self.publish(event, None, "pubsub")


@dataclass
class Phase2:
    """Phase 2: processes each file once, and answers with a receipt."""

    world: "World"
    receipts: dict[str, FileProcessed] = field(default_factory=dict)

    def take(self, event: FileLanded) -> None:
        """A file was announced."""
        world = self.world
        if world.fates.befalls(Kind.PHASE2_DROPS, world.hub.now):
            world.log.add(world.hub.now, "dropped", "phase2", path=event.gcs_path)
            return
        world.hub.after(world.draw.uniform(2, 60), self._process, event.gcs_path)

    def _process(self, path: str) -> None:
        world = self.world
        if path not in self.receipts:
            self.receipts[path] = FileProcessed(
                gcs_path=path,
                processor="p",
                processed_at=world.instant(),
                row_count=2,
                environment=ENVIRONMENT,
            )
        world.broker.publish(self.receipts[path], None, "phase2")


@dataclass
class World:
    """Everything there is in one run."""

    seed: int
    faults: tuple[Fault, ...]
    services: Mapping[str, Callable[[Process], Handle]]
    shape: fleet.Shape = fleet.USUAL
    hub: Hub = field(default_factory=Hub)
    log: EventLog = field(default_factory=EventLog)
    rows: Rows = field(default_factory=Rows)
    state: dict[str, Stored] = field(default_factory=dict)
    data: dict[str, Stored] = field(default_factory=dict)
    generations: int = 0
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """The questions that the warehouse was asked."""
    requests_of: dict[Task, str] = field(default_factory=dict)
    """Which request a task of a runner is about."""
    meanwhile: Mapping[float, Callable[["World"], None]] = field(default_factory=dict)
    """What a test does to the world, and when."""

    def __post_init__(self) -> None:
        self.draw = random.Random(f"run {self.seed}")  # noqa: S311  # no secret
        self.day = DAYS[self.seed % len(DAYS)]
        self.start = new_york(self.shape.clock(BEGINS), self.day)
        draw = random.Random(f"truth {self.seed}")  # noqa: S311  # no secret
        self.truth = fleet.Truth.draw(self.day, draw, self.shape)
        self.configurations = configurations(self.shape)
        self.max_attempts = topic_map().max_delivery_attempts
        self.fates = Fates(self.seed, self.faults, self._hit)
        self.phase2 = Phase2(self)
        self.broker = Broker(self)
        self.processes = {
            service: [Process(self, service, number) for number in range(self.shape.instances)]
            for service in self.services
        }

    @property
    def duration(self) -> float:
        """Seconds from the beginning to the end."""
        return faults_until(self.shape) + HEALED_AFTER

    def hub_now(self) -> float:
        """Seconds since the simulation began."""
        return self.hub.now

    def instant(self) -> datetime:
        """The true time."""
        return instant_of(self.start, self.hub.now)

    def _hit(self, fault: Fault) -> None:
        self.log.add(self.hub.now, "fault", fault.target or "network", what=str(fault.kind))

    def latency(self) -> float:
        """How long a message or a call is on its way."""
        return 0.005 + self.draw.random() * 0.06

    def named(self, name: str) -> Process | None:
        """The process of that name."""
        service, _, number = name.rpartition("-")
        return self.processes[service][int(number)] if service in self.processes else None

    def run(self) -> EventLog:
        """Let the time pass."""
        self.log.add(
            0.0, "begin", "world", began=self.start.timestamp(), follow_ups=["event_props"],
            searches=["bulletin"], data="data",
            faults=[str(fault) for fault in self.faults],
        )  # fmt: skip
        for fault in self.fates.of(Kind.SKEW):
            if process := self.named(fault.target):
                process.skew = fault.size
                self.log.add(0.0, "skew", process.name, seconds=fault.size)
                self.fates.counts[Kind.SKEW] = self.fates.counts.get(Kind.SKEW, 0) + 1
        for processes in self.processes.values():
            for process in processes:
                process.start()
        self._plan()
        for instant, deed in self.meanwhile.items():
            self.hub.at(instant, deed, self)
        end = self.duration
        self.hub.at(0.5, self._tick, Tick.LOCK_SCHEDULE, 60)
        for tick, instant in RHYTHM:
            while instant < end - 15 * MINUTE:
                self.hub.at(instant, self._tick, tick, EVERY)
                instant += EVERY * MINUTE
        with self._entropy(), patch.object(wall_clock, "read_clock", self._clock):
            self.hub.run(end)
        self.log.add(
            end,
            "end",
            "world",
            open=[
                [it.subscription, it.event.TYPE, it.event.id]
                for it in self.broker.open
                if not it.acknowledged
            ],
        )
        for processes in self.processes.values():
            for process in processes:
                process.alive = False
                process.loop.close()
                for task in list(process.tasks):
                    task.kill()
        return self.log

    def _plan(self) -> None:
        for fault in self.fates.of(Kind.CRASH, Kind.PAUSE, Kind.DEPLOY):
            self.hub.at(fault.start, self._strike, fault)

    def _strike(self, fault: Fault) -> None:
        if fault.kind is Kind.DEPLOY:
            for number, process in enumerate(self.processes.get(fault.target, ())):
                self.hub.after(number * 10 * MINUTE, self._deploy, process, int(fault.size))
            return
        struck = self.named(fault.target)
        if struck is None:
            return
        if fault.kind is Kind.CRASH:
            struck.crashes.append((fault, struck.calls + int(fault.size)))
        elif struck.alive:
            self.fates.counts[fault.kind] = self.fates.counts.get(fault.kind, 0) + 1
            self.log.add(self.hub.now, "pause", struck.name, seconds=fault.size)
            struck.paused_until = self.hub.now + fault.size

    def _deploy(self, process: Process, version: int) -> None:
        """A rolling deployment: the process is replaced; it may be one configuration, or one version, further."""
        self.fates.counts[Kind.DEPLOY] = self.fates.counts.get(Kind.DEPLOY, 0) + 1
        process.version = version
        self.log.add(self.hub.now, "deploy", process.name, version=version)
        process.crash("deployed", back_after=5.0)

    def _tick(self, tick: Tick, every: int) -> None:
        if self.fates.befalls(Kind.LOST_TICK, self.hub.now):
            self.log.add(self.hub.now, "lost", "scheduler", tick=tick.value)
            return
        self.broker.publish(TickFired(tick=tick, cadence_minutes=every), None, "scheduler")

    def _clock(self) -> datetime:
        task = self.hub.current
        return task.process.now() if task is not None else self.instant()

    @contextmanager
    def _entropy(self) -> Iterator[None]:
        """What the operating system gives as random bytes, from the seed: uuid4 and all else that asks for them."""
        source = random.Random(f"entropy {self.seed}")  # noqa: S311  # that is the point
        before = random.getstate()
        random.seed(self.seed)  # jitter
        try:
            with patch.object(os, "urandom", source.randbytes):
                yield
        finally:
            random.setstate(before)


# The services, wired as their bootstrap does, on the ports of the simulation


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
        process.in_a_thread,
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
        return fleet.Http(spec, now, lambda scraper, subject: _ask(process, scraper, subject))

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
            # The source does not know who asks; the checker has to.
            assert world.hub.current is not None
            world.requests_of[world.hub.current] = delivery.event.request_id
            run_request(delivery.event, deps, process.now())

        process.task(work, done)

    return handle


def _ask(process: Process, scraper: str, subject: str) -> bytes | None:
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

    if world.fates.befalls(Kind.SOURCE_BLOCKS, world.hub.now):
        raise fleet.SourceBlocks("403 for a document known to exist")
    try:
        # A scraper asks no longer than its timeout, which its lease is longer than.
        longest = float(scrapers().catalog[scraper].timeout_seconds)
        return call(process, "source", f"ask {scraper}", effect, longest)
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
        await process.in_a_thread(warehouse.append, table, rows, row_ids)

    deps = LoggerDeps(
        environment=ENVIRONMENT,
        commit=RowCommit(append, BOUNDS, process.loop.time),
        publisher=process.publisher(),
        state=process.state,
        run=process.in_a_thread,
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
    """A channel of people, who write down what they are told."""

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


def _send_in_turn(senders: Mapping[str, Sender], notice: Notice) -> Mapping[str, bool]:
    return {name: sender.send(notice) for name, sender in senders.items()}


def monitor(process: Process) -> Handle:
    """Wire a monitor."""
    configuration = process.world.configurations[process.version == 1]
    calendar = LandedCalendar(process.retrying(process.data), configuration.calendar_folder)

    def names() -> Mapping[str, str]:
        try:
            found = calendar.current()
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
        names=names,
        state=MonitorState(process.state),
        warehouse=Warehouse(process),
        publisher=process.publisher(),
        senders={name: Channel(process, name) for name in book.file.channels},
        send=_send_in_turn,
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


@dataclass(frozen=True)
class Run:
    """What came of a seed."""

    seed: int
    faults: tuple[Fault, ...]
    world: World
    log: EventLog


def simulate(
    seed: int,
    faults: tuple[Fault, ...] | None = None,
    services: Mapping[str, Callable[[Process], Handle]] = SERVICES,
    shape: fleet.Shape = fleet.USUAL,
    meanwhile: Mapping[float, Callable[[World], None]] = {},
) -> Run:
    """Run a seed, with the faults that it draws or with others, in a world of the usual or another size.

    meanwhile: what else is done to the world, by the instant.
    """
    if faults is None:
        draw = random.Random(f"faults {seed}")  # noqa: S311  # no secret
        faults = draw_faults(draw, faults_until(shape), shape.faults, shape.instances)
    world = World(seed, faults, services, shape, meanwhile=meanwhile)
    # A run makes garbage in circles, and is over before it matters.
    gc.disable()
    try:
        return Run(seed, faults, world, world.run())
    finally:
        gc.enable()

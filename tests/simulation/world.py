"""One run: a seed becomes a fleet's morning with faults, and a time without faults in which the system must heal."""

import gc
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any
from unittest.mock import patch

from tests.simulation import fleet
from tests.simulation.broker import Broker, Phase2, topic_map
from tests.simulation.cloud import Rows, Stored, instant_of
from tests.simulation.faults import HOUR, MINUTE, Fault, FaultInjector, Kind, draw_faults
from tests.simulation.fleet import EVERY
from tests.simulation.process import Handle, Process
from tests.simulation.record import EventLog
from tests.simulation.scheduler import Hub, Task
from tests.simulation.services import SERVICES
from tests.support.controller import at as new_york
from tipoff_common import wall_clock
from tipoff_common.events import Tick, TickFired

DAYS = (date(2025, 1, 15), date(2025, 3, 9), date(2025, 11, 2))
"""An ordinary day, and the two days on which New York's clocks change."""
BEGINS = "08:30"
"""In New York."""
FAULTS_UNTIL, HEALED_AFTER = 4.0 * HOUR, 2.5 * HOUR
"""Faults end at 12:30, when all of the day is in progress or over; the system has until 16:00 to heal."""
DURATION = FAULTS_UNTIL + HEALED_AFTER
"""The duration for a day of two games."""
RHYTHM = ((Tick.EVALUATE, 1.0), (Tick.CLEANUP, 70.0), (Tick.WATCH, 200.0))
"""The tick of each instant, in seconds after the full half hour."""


def faults_until(shape: fleet.Shape) -> float:
    """Return when the last fault is over: when the last game is in progress."""
    return FAULTS_UNTIL + 30 * MINUTE * max(0, shape.games - 2)


@cache
def configurations(shape: fleet.Shape) -> Any:
    """Return the configurations before and after a deployment."""
    return fleet.configurations(shape)


@dataclass
class World:
    """The complete state of one run."""

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
    queries: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """The queries that the warehouse received."""
    requests_of: dict[Task, str] = field(default_factory=dict)
    """The request of each running task of a runner."""
    actions: Mapping[float, Callable[["World"], None]] = field(default_factory=dict)
    """Actions of a test on the world, by instant."""

    def __post_init__(self) -> None:
        self.draw = random.Random(f"run {self.seed}")  # noqa: S311  # no secret
        self.day = DAYS[self.seed % len(DAYS)]
        self.start = new_york(self.shape.clock(BEGINS), self.day)
        draw = random.Random(f"truth {self.seed}")  # noqa: S311  # no secret
        self.truth = fleet.Truth.draw(self.day, draw, self.shape)
        self.configurations = configurations(self.shape)
        self.max_attempts = topic_map().max_delivery_attempts
        self.injector = FaultInjector(self.seed, self.faults, self._record_hit)
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
        """Return the true time."""
        return instant_of(self.start, self.hub.now)

    def _record_hit(self, fault: Fault) -> None:
        self.log.add(self.hub.now, "fault", fault.target or "network", what=str(fault.kind))

    def latency(self) -> float:
        """Return the latency of a message or a call."""
        return 0.005 + self.draw.random() * 0.06

    def find_process(self, name: str) -> Process | None:
        """Return the process of that name."""
        service, _, number = name.rpartition("-")
        return self.processes[service][int(number)] if service in self.processes else None

    def run(self) -> EventLog:
        """Run the simulation to its end; return its log."""
        self.log.add(
            0.0, "begin", "world", began=self.start.timestamp(), follow_ups=["event_props"],
            searches=["bulletin"], data="data",
            faults=[str(fault) for fault in self.faults],
        )  # fmt: skip
        for fault in self.injector.of(Kind.SKEW):
            if process := self.find_process(fault.target):
                process.skew = fault.size
                self.log.add(0.0, "skew", process.name, seconds=fault.size)
                self.injector.counts[Kind.SKEW] = self.injector.counts.get(Kind.SKEW, 0) + 1
        for processes in self.processes.values():
            for process in processes:
                process.start()
        self._schedule_faults()
        for instant, action in self.actions.items():
            self.hub.at(instant, action, self)
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

    def _schedule_faults(self) -> None:
        for fault in self.injector.of(Kind.CRASH, Kind.PAUSE, Kind.DEPLOY):
            self.hub.at(fault.start, self._apply_fault, fault)

    def _apply_fault(self, fault: Fault) -> None:
        if fault.kind is Kind.DEPLOY:
            for number, process in enumerate(self.processes.get(fault.target, ())):
                self.hub.after(number * 10 * MINUTE, self._deploy, process, int(fault.size))
            return
        struck = self.find_process(fault.target)
        if struck is None:
            return
        if fault.kind is Kind.CRASH:
            struck.crashes.append((fault, struck.calls + int(fault.size)))
        elif struck.alive:
            self.injector.counts[fault.kind] = self.injector.counts.get(fault.kind, 0) + 1
            self.log.add(self.hub.now, "pause", struck.name, seconds=fault.size)
            struck.paused_until = self.hub.now + fault.size

    def _deploy(self, process: Process, version: int) -> None:
        """Replace a process, as a rolling deployment does, perhaps with another configuration or version."""
        self.injector.counts[Kind.DEPLOY] = self.injector.counts.get(Kind.DEPLOY, 0) + 1
        process.version = version
        self.log.add(self.hub.now, "deploy", process.name, version=version)
        process.crash("deployed", restart_after=5.0)

    def _tick(self, tick: Tick, every: int) -> None:
        if self.injector.hit(Kind.LOST_TICK, self.hub.now):
            self.log.add(self.hub.now, "lost", "scheduler", tick=tick.value)
            return
        self.broker.publish(TickFired(tick=tick, cadence_minutes=every), None, "scheduler")

    def _clock(self) -> datetime:
        task = self.hub.current
        return task.process.now() if task is not None else self.instant()

    @contextmanager
    def _entropy(self) -> Iterator[None]:
        """Replace the operating system's random bytes, which uuid4 and others read, with bytes from the seed."""
        source = random.Random(f"entropy {self.seed}")  # noqa: S311  # that is the point
        before = random.getstate()
        random.seed(self.seed)  # jitter
        try:
            with patch.object(os, "urandom", source.randbytes):
                yield
        finally:
            random.setstate(before)


@dataclass(frozen=True)
class Run:
    """The result of a seed."""

    seed: int
    faults: tuple[Fault, ...]
    world: World
    log: EventLog


def simulate(
    seed: int,
    faults: tuple[Fault, ...] | None = None,
    services: Mapping[str, Callable[[Process], Handle]] = SERVICES,
    shape: fleet.Shape = fleet.USUAL,
    actions: Mapping[float, Callable[[World], None]] = {},
) -> Run:
    """Run a seed, with its drawn faults or with others, in a world of the usual or another size.

    actions: further actions on the world, by instant.
    """
    if faults is None:
        draw = random.Random(f"faults {seed}")  # noqa: S311  # no secret
        faults = draw_faults(draw, faults_until(shape), shape.faults, shape.instances)
    world = World(seed, faults, services, shape, actions=actions)
    # A run creates cyclic garbage, and is over before it matters.
    gc.disable()
    try:
        return Run(seed, faults, world, world.run())
    finally:
        gc.enable()

"""Starts the embedded cloud and the services, waits until all is ready, and leaves nothing behind."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from gcp_emulators.testing import listens
from tipoff_cli.checkout import FLEET, SCRAPERS, TOPICS
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.adapters.pubsub import PubSubBus
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import Objects, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_common.topics import load_topics
from tipoff_dev.fakes.phase2.behaviour import FAULTLESS, Behaviour
from tipoff_dev.stack.layout import (
    DATA_BUCKET,
    HOST,
    PROJECT,
    SERVICES,
    STATE_BUCKET,
    Layout,
    storage_rights,
)
from tipoff_dev.stack.processes import READY_SECONDS, Processes, Program, StackError
from tipoff_dev.stack.resources import create_buckets, create_tables, create_topics

_POLL_SECONDS = 0.05

Progress = Callable[[str], None]


@dataclass(frozen=True)
class StackOptions:
    """Differences of a stack from the usual one."""

    google_pubsub: bool = False
    """Google's own emulator in place of our server."""
    minimum_backoff: float | None = None
    """Seconds between deliveries of a message, in place of the topic map's."""
    maximum_backoff: float | None = None
    """Seconds between deliveries of a message, in place of the topic map's."""
    scenario: Path | None = None
    """Scenario for the fake sources, in place of their own."""
    phase2: Behaviour | None = FAULTLESS
    """How the fake of Phase 2 behaves at first; None runs none."""
    services: tuple[str, ...] = tuple(SERVICES)
    """Those that run; the others have no subscriptions."""
    data: Path | None = None
    """Folder of the embedded warehouse and object store; None keeps nothing."""

    @property
    def subscribers(self) -> tuple[str, ...]:
        """Who subscribes to topics."""
        return (*self.services, "phase2") if self.phase2 else self.services


USUAL = StackOptions()
"""All services, faultless, and nothing kept."""


class Stack:
    """A running stack. Its addresses are in `layout`; `publisher`, `warehouse`, `data` and `state` reach into it."""

    publisher: Publisher
    warehouse: Warehouse
    data: Objects
    state: Objects

    def __init__(self, layout: Layout, folder: Path, options: StackOptions) -> None:
        self.layout, self._options = layout, options
        self.processes = Processes(folder / "logs")

    def start(self, progress: Progress) -> None:
        """Start everything, and return when every service answers ready. Raises StackError naming what did not."""
        if taken := self.layout.taken_ports():
            raise StackError(
                f"taken on {HOST}: {', '.join(taken)}; stop what listens there (if it is a stack: `tipoff down` in the"
                " folder in which it was started)"
            )
        self._start_cloud()
        for service in self._options.services:
            self._start(service, SERVICES[service], environment=self.layout.service_environment(service))
        progress("starting the embedded cloud")
        for name in ("bigquery", "storage", "pubsub"):
            self._make_ready(name)
        self._make_ready("fake-sources")
        if self._options.phase2:
            self._make_ready("phase2")
        for service in self._options.services:
            progress(f"waiting for {service}")
            self._make_ready(service)
        with self.clients():
            self.publisher = Publisher("scheduler", PubSubBus(PROJECT, load_topics(TOPICS)))
            self.warehouse = BigQueryWarehouse(PROJECT, self.layout.url("bigquery"), FLEET.dataset)
            client = storage_client(PROJECT, self.layout.url("storage"))
            self.data, self.state = GcsObjects(client, DATA_BUCKET), GcsObjects(client, STATE_BUCKET)

    def restart(self, name: str) -> None:
        """Start a process anew at its old address, and ends it before unless it has ended.

        What it kept in memory is gone: an emulator has its topics, buckets or tables again, and they are empty.
        """
        self.processes.restart(name)
        self._make_ready(name)

    def reload(self, names: Collection[str]) -> None:
        """Start processes anew with what the fleet and the configuration say now. Raises StackError."""
        for name in names:
            if name in self._options.services:
                self.processes.set_environment(name, self.layout.service_environment(name))
            if name in self.processes.children:
                self.restart(name)

    def backlog(self) -> Mapping[str, int]:
        """Unacknowledged messages by subscription; our own Pub/Sub server only."""
        answer = requests.get(f"{self.layout.url('pubsub-admin')}/backlog", timeout=10)
        answer.raise_for_status()
        return {name: item["unacked"] for name, item in answer.json()["subscriptions"].items()}

    def wait_until_quiet(self, timeout: float = 60.0) -> None:
        """Wait until nothing is unacknowledged: every effect of what was published is durable."""
        left: dict[str, int] = {}

        def is_quiet() -> bool:
            left.clear()
            try:
                left.update((name, count) for name, count in self.backlog().items() if count)
            except requests.RequestException:
                return False  # whether the server has ended is looked at next
            return not left

        self.wait_for(is_quiet, lambda: f"messages to be handled ({left})", timeout)

    def wait_for(
        self, condition: Callable[[], bool], what: str | Callable[[], str], timeout: float = 60.0
    ) -> None:
        """Poll `condition`. Raises StackError when a process ends or time runs out."""
        deadline = time.monotonic() + timeout
        while not condition():
            self.processes.check()
            if time.monotonic() > deadline:
                awaited = what if isinstance(what, str) else what()
                raise StackError(f"waited {timeout:g} s for {awaited}; see {self.processes.folder}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop the services first: what they have begun they finish while the cloud still answers."""
        self.processes.stop(first=(*self._options.services, "phase2"))

    def _start_cloud(self) -> None:
        google = self._options.google_pubsub
        module = "gcp_emulators.pubsub.google" if google else "gcp_emulators.pubsub"
        admin = {} if google else {"admin-port": "pubsub-admin"}
        # A stack that keeps its data may run for days, in which the full compiler pays.
        further = ("--short-run",) if google and self._options.data is None else ()
        self._start("pubsub", module, *self._listening({"port": "pubsub", **admin}), *further)
        ports = self._listening({"port": "bigquery", "grpc-port": "bigquery-grpc"})
        identity = ("--project", PROJECT, "--storage-url", self.layout.url("storage"))
        self._start("bigquery", "gcp_emulators.bigquery", *ports, *identity, *self._kept("bigquery"))
        ports = self._listening({"port": "storage"})
        self._start("storage", "gcp_emulators.storage", *ports, *self._kept("storage"), *self._doors())
        scenario = ("--scenario", str(self._options.scenario)) if self._options.scenario else ()
        # A replay names its instants; by the wall clock, games of January 2025 would all be over.
        days = () if self.layout.event_time else ("--around-today",)
        ports = self._listening({"port": "fake-sources"})
        fleet = ("--scrapers", str(SCRAPERS))
        self._start("fake-sources", "tipoff_dev.fakes.sources", *ports, *fleet, *days, *scenario)
        if behaviour := self._options.phase2:
            added = {"TIPOFF_PHASE2": behaviour.model_dump_json()}
            environment = {**self.layout.service_environment("phase2"), **added}
            self._start("phase2", "tipoff_dev.fakes.phase2", environment=environment)

    def _listening(self, ports: Mapping[str, str]) -> Iterator[str]:
        """Yield the options by which a process listens at the layout's ports of these names."""
        yield from ("--host", HOST)
        for option, name in ports.items():
            yield from (f"--{option}", str(self.layout.ports[name]))

    def _doors(self) -> Iterator[str]:
        """Yield the options by which the object store tells the services apart."""
        if self.layout.own_rights:
            for name, rights in storage_rights().items():
                granted = ",".join(f"{bucket}={right}" for bucket, right in rights.items())
                yield from ("--caller", f"{self.layout.ports[f'storage:{name}']}:{granted}")

    def _kept(self, name: str) -> tuple[str, ...]:
        """Return the option by which an emulator keeps its data from one start to the next."""
        if self._options.data is None:
            return ()
        folder = self._options.data / name
        folder.mkdir(parents=True, exist_ok=True)
        return ("--data-dir", str(folder))

    def _start(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.processes.start(name, Program(module, arguments, environment or {}, FLEET.folder))

    def _make_ready(self, name: str) -> None:
        """Wait until the process answers, and makes what an emulator has to hold."""
        match name:
            case "bigquery" | "storage" | "pubsub":
                ready = self._tcp(name)
            case "fake-sources" | "phase2":
                ready = self._http(f"{self.layout.url(name)}/healthz")
            case _:
                ready = self._http(f"{self.layout.url(name)}/readyz")
        self.wait_for(ready, f"{name} to be ready", READY_SECONDS)
        with self.clients():
            match name:
                case "bigquery":
                    create_tables()
                case "storage":
                    create_buckets()
                case "pubsub":
                    options = self._options
                    create_topics(
                        self.layout.push_endpoint,
                        options.subscribers,
                        options.minimum_backoff,
                        options.maximum_backoff,
                    )

    @contextmanager
    def clients(self) -> Iterator[None]:
        """Google's clients that are made in this block talk to the stack; the environment, in which they look for it,
        is left as it was."""
        before = {name: os.environ.get(name) for name in self.layout.emulators()}
        os.environ.update(self.layout.emulators())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _tcp(self, name: str) -> Callable[[], bool]:
        return partial(listens, self.layout.ports[name])

    @staticmethod
    def _http(url: str) -> Callable[[], bool]:
        def answers() -> bool:
            try:
                return requests.get(url, timeout=10).ok
            except requests.RequestException:
                return False

        return answers


@contextmanager
def running_stack(
    layout: Layout,
    folder: Path,
    options: StackOptions = USUAL,
    *,
    progress: Progress = lambda _: None,
) -> Iterator[Stack]:
    """Return a stack for the length of a block, and stop it however the block ends."""
    stack = Stack(layout, folder, options)
    try:
        stack.start(progress)
        yield stack
    finally:
        stack.stop()

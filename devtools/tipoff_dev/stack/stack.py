"""A running stack: the start and stop of the embedded cloud and the services."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
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
from tipoff_dev.stack.listeners import listeners
from tipoff_dev.stack.processes import READY_SECONDS, Processes, Program, StackError
from tipoff_dev.stack.resources import create_buckets, create_tables, create_topics

_POLL_SECONDS = 0.05

Progress = Callable[[str], None]


@dataclass(frozen=True)
class StackOptions:
    """Differences of a stack from the default stack."""

    google_pubsub: bool = False
    """Google's own emulator in place of our server."""
    minimum_backoff: float | None = None
    """Seconds between deliveries of a message, in place of the topic map's."""
    maximum_backoff: float | None = None
    """Seconds between deliveries of a message, in place of the topic map's."""
    scenario: Path | None = None
    """Scenario for the fake sources, in place of their own."""
    phase2: Behaviour | None = FAULTLESS
    """Initial behaviour of the fake of Phase 2; None to run without the fake."""
    services: tuple[str, ...] = tuple(SERVICES)
    """The services to run; the others have no subscriptions."""
    data: Path | None = None
    """Folder of the embedded warehouse and object store; None to keep their data in memory only."""

    @property
    def subscribers(self) -> tuple[str, ...]:
        """The services with subscriptions, and "phase2" for the fake."""
        return (*self.services, "phase2") if self.phase2 else self.services


USUAL = StackOptions()
"""All services, without faults, and with data in memory only."""


class Stack:
    """A stack. `layout` has its addresses; `publisher`, `warehouse`, `data` and `state` are clients of it."""

    publisher: Publisher
    warehouse: Warehouse
    data: Objects
    state: Objects

    def __init__(self, layout: Layout, folder: Path, options: StackOptions) -> None:
        self.layout, self._options = layout, options
        self.processes = Processes(folder / "logs")

    def start(self, progress: Progress) -> None:
        """Start all processes, and return when every service is ready.

        Raises StackError naming the taken ports, or the process that ended or is not ready.
        """
        if taken := self.layout.taken_ports():
            raise StackError(f"taken on {HOST}: {', '.join(taken)}; {self._remedy_of_taken_ports()}")
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

    def _remedy_of_taken_ports(self) -> str:
        if folder := self._folder_of_other_stack():
            return f"a stack of the fleet in {folder} listens there; run `tipoff down` in that folder"
        known = listeners(self.layout.ports.values())
        named = f" ({'; '.join(known)})" if known else ""
        return f"stop the process that listens there{named}; for a stack: `tipoff down` in the folder of its start"

    def _folder_of_other_stack(self) -> str | None:
        """Return the folder of the fleet whose stack listens at these ports; None when something else does."""
        with suppress(requests.RequestException, ValueError, LookupError, TypeError):
            answer = requests.get(f"{self.layout.url('fake-sources')}/healthz", timeout=2)
            return str(answer.json()["folder"])
        return None

    def restart(self, name: str) -> None:
        """End a process unless it has ended, and start it again at its old address.

        Its memory is lost: an emulator gets its topics, buckets or tables again, without data that is not on disk.
        """
        self.processes.restart(name)
        self._make_ready(name)

    def reload(self, names: Collection[str]) -> None:
        """Restart processes with the present fleet and configuration. Raises StackError."""
        for name in names:
            if name in self._options.services:
                self.processes.set_environment(name, self.layout.service_environment(name))
            if name in self.processes.children:
                self.restart(name)

    def backlog(self) -> Mapping[str, int]:
        """Return the number of unacknowledged messages by subscription; with Tipoff's own Pub/Sub server only."""
        answer = requests.get(f"{self.layout.url('pubsub-admin')}/backlog", timeout=10)
        answer.raise_for_status()
        return {name: item["unacked"] for name, item in answer.json()["subscriptions"].items()}

    def wait_until_quiet(self, timeout: float = 60.0) -> None:
        """Wait until no message is unacknowledged, so that every effect of the published messages is durable."""
        left: dict[str, int] = {}

        def is_quiet() -> bool:
            left.clear()
            try:
                left.update((name, count) for name, count in self.backlog().items() if count)
            except requests.RequestException:
                return False  # `wait_for` checks next whether the server has ended
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
        """Stop the services before the cloud, which they need to finish their work."""
        self.processes.stop(first=(*self._options.services, "phase2"))

    def _start_cloud(self) -> None:
        google = self._options.google_pubsub
        module = "gcp_emulators.pubsub.google" if google else "gcp_emulators.pubsub"
        admin = {} if google else {"admin-port": "pubsub-admin"}
        # A stack that keeps its data may run for days, so that the full compiler pays off.
        further = ("--short-run",) if google and self._options.data is None else ()
        self._start("pubsub", module, *self._listening({"port": "pubsub", **admin}), *further)
        ports = self._listening({"port": "bigquery", "grpc-port": "bigquery-grpc"})
        identity = ("--project", PROJECT, "--storage-url", self.layout.url("storage"))
        self._start("bigquery", "gcp_emulators.bigquery", *ports, *identity, *self._kept("bigquery"))
        ports = self._listening({"port": "storage"})
        self._start("storage", "gcp_emulators.storage", *ports, *self._kept("storage"), *self._callers())
        scenario = ("--scenario", str(self._options.scenario)) if self._options.scenario else ()
        # Requests of a replay have an instant; in wall-clock time all games of January 2025 would be over.
        days = () if self.layout.event_time else ("--around-today",)
        ports = self._listening({"port": "fake-sources"})
        fleet = ("--scrapers", str(SCRAPERS))
        self._start("fake-sources", "tipoff_dev.fakes.sources", *ports, *fleet, *days, *scenario)
        if behaviour := self._options.phase2:
            added = {"TIPOFF_PHASE2": behaviour.model_dump_json()}
            environment = {**self.layout.service_environment("phase2"), **added}
            self._start("phase2", "tipoff_dev.fakes.phase2", environment=environment)

    def _listening(self, ports: Mapping[str, str]) -> Iterator[str]:
        """Yield the options that make a process listen on the layout's ports of these names."""
        yield from ("--host", HOST)
        for option, name in ports.items():
            yield from (f"--{option}", str(self.layout.ports[name]))

    def _callers(self) -> Iterator[str]:
        """Yield the options that give each service its own port and rights at the object store."""
        if self.layout.own_rights:
            for name, rights in storage_rights().items():
                granted = ",".join(f"{bucket}={right}" for bucket, right in rights.items())
                yield from ("--caller", f"{self.layout.ports[f'storage:{name}']}:{granted}")

    def _kept(self, name: str) -> tuple[str, ...]:
        """Return the option that makes an emulator keep its data from one start to the next."""
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
        """Wait until the process is ready, and create an emulator's topics, buckets or tables."""
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
        """Connect Google's clients that are created in this block to the stack; restore the environment variables,
        from which they read the addresses, afterwards."""
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
    """Run a stack for the length of a block, and stop it however the block ends."""
    stack = Stack(layout, folder, options)
    try:
        stack.start(progress)
        yield stack
    finally:
        stack.stop()

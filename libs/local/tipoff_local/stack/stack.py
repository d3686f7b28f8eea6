"""Starts the embedded cloud and the services, waits until all is ready, and leaves nothing behind."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.adapters.pubsub import PubSubBus
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import Objects, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_local.stack.layout import (
    DATA_BUCKET,
    HOST,
    PROJECT,
    REPOSITORY,
    SERVICES,
    STATE_BUCKET,
    Layout,
)
from tipoff_local.stack.processes import Processes, StackError
from tipoff_local.stack.resources import create_buckets, create_tables, create_topics

READY_SECONDS = 90.0
_POLL_SECONDS = 0.05

Progress = Callable[[str], None]


class Stack:
    """A running stack. Its addresses are in `layout`; `publisher` and `warehouse` reach into it."""

    def __init__(self, layout: Layout, folder: Path, *, google_pubsub: bool = False) -> None:
        self.layout, self.google_pubsub = layout, google_pubsub
        self.processes = Processes(folder / "logs")

    def start(self, progress: Progress, minimum_backoff: float | None = None) -> None:
        """Returns when every service answers ready. Raises StackError naming what did not."""
        self._start_cloud()
        for service, package in SERVICES.items():
            self._start(service, package, environment=self.layout.service_environment(service))
        os.environ.update(self.layout.emulators())
        progress("starting the embedded cloud")
        self._wait("bigquery", self._tcp("bigquery"))
        self._wait("storage", self._tcp("storage"))
        self._wait("pubsub", self._tcp("pubsub"))
        progress("creating topics, buckets and tables")
        self.topics = create_topics(self.layout, minimum_backoff)
        create_buckets()
        create_tables()
        self._wait("upstream", self._http(f"{self.layout.url('upstream')}/healthz"))
        for service in SERVICES:
            progress(f"waiting for {service}")
            self._wait(service, self._http(f"{self.layout.url(service)}/readyz"))
        self.publisher = Publisher("scheduler", PubSubBus(PROJECT, self.topics))
        self.warehouse: Warehouse = BigQueryWarehouse(PROJECT, self.layout.url("bigquery"))

    def objects(self, bucket: str) -> Objects:
        return GcsObjects(storage_client(PROJECT, self.layout.url("storage")), bucket)

    @property
    def data(self) -> Objects:
        return self.objects(DATA_BUCKET)

    @property
    def state(self) -> Objects:
        return self.objects(STATE_BUCKET)

    def restart(self, service: str) -> None:
        """Starts a service that has ended, or has been killed, at its old address."""
        child = self.processes.children[service]
        if child.process.poll() is None:
            child.process.terminate()
            child.process.wait()
        self._start(service, SERVICES[service], environment=self.layout.service_environment(service))
        self._wait(service, self._http(f"{self.layout.url(service)}/readyz"))

    def backlog(self) -> Mapping[str, int]:
        """Unacknowledged messages by subscription; our own Pub/Sub server only."""
        answer = requests.get(f"{self.layout.url('pubsub-admin')}/backlog", timeout=10)
        answer.raise_for_status()
        return {name: item["unacked"] for name, item in answer.json()["subscriptions"].items()}

    def wait_until_quiet(self, timeout: float = 60.0) -> None:
        """Returns when nothing is unacknowledged: every effect of what was published is durable."""
        self.wait_for(lambda: not any(self.backlog().values()), "messages to be handled", timeout)

    def wait_for(self, condition: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
        """Polls `condition`. Raises StackError when a process ends or time runs out."""
        deadline = time.monotonic() + timeout
        while not condition():
            self.processes.check()
            if time.monotonic() > deadline:
                raise StackError(f"waited {timeout:g} s for {what}; see {self.processes.folder}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        self.processes.stop()

    def _start_cloud(self) -> None:
        ports = {name: str(port) for name, port in self.layout.ports.items()}
        host = ("--host", HOST)
        if self.google_pubsub:
            self._start("pubsub", "tipoff_local.stack.google_pubsub", ports["pubsub"])
        else:
            self._start(
                "pubsub",
                "tipoff_local.pubsub",
                *host,
                "--port",
                ports["pubsub"],
                "--admin-port",
                ports["pubsub-admin"],
            )
        self._start(
            "bigquery",
            "tipoff_local.bigquery",
            *host,
            "--port",
            ports["bigquery"],
            "--grpc-port",
            ports["bigquery-grpc"],
            "--project",
            PROJECT,
        )
        self._start("storage", "tipoff_local.storage", *host, "--port", ports["storage"])
        self._start("upstream", "tipoff_local.upstream", *host, "--port", ports["upstream"])

    def _start(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.processes.start(name, module, *arguments, environment=environment or {}, cwd=REPOSITORY)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        self.wait_for(ready, f"{name} to be ready", READY_SECONDS)

    def _tcp(self, name: str) -> Callable[[], bool]:
        def connects() -> bool:
            with socket.socket() as probe:
                probe.settimeout(1.0)
                return probe.connect_ex((HOST, self.layout.ports[name])) == 0

        return connects

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
    *,
    progress: Progress = lambda _: None,
    google_pubsub: bool = False,
    minimum_backoff: float | None = None,
) -> Iterator[Stack]:
    """A stack for the length of a block; it is stopped however the block ends."""
    stack = Stack(layout, folder, google_pubsub=google_pubsub)
    try:
        stack.start(progress, minimum_backoff)
        yield stack
    finally:
        stack.stop()

"""Harness of the Pub/Sub conformance tests: the two servers, a client for either, an endpoint for pushes."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import pubsub_v1
from testcontainers.core.container import DockerContainer

from gcp_emulators.pubsub.google import EmulatorUnavailableError, find_installation
from gcp_emulators.testing import free_port, running

PROJECT = "conformance"
PATIENCE_SECONDS = 90.0
"""Timeout of a wait; Google's emulator checks its retries only every three seconds."""

EMBEDDED, GOOGLE = "embedded", "google"
GOOGLE_IMAGE = "gcr.io/google.com/cloudsdktool/google-cloud-cli:emulators"

GOOGLE_EMULATOR_LACKS = {
    "test_filter_passes_only_matching_messages": "stores filters and applies none: every message is delivered",
    "test_filter_applies_to_push": "stores filters and applies none: every message is delivered",
    "test_malformed_filter_is_refused": "accepts any text as a filter",
    "test_an_ack_deadline_below_ten_seconds_is_refused": "accepts 9 seconds",
    "test_push_has_delivery_attempt_with_dead_letter_policy": "pushes without deliveryAttempt",
    "test_oversized_publish_is_refused_whole": "takes messages and attributes of any size",
    "test_labels_can_be_updated": "answers that labels is not a known field",
}
"""Known differences of emulator 0.8.20 from the documented service: the observed behaviour, by test.||The tests are
expected to fail there, strictly: a test that passes with a newer emulator must leave this table."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: str
    address: str


@contextmanager
def embedded_server() -> Iterator[Server]:
    """Run the embedded server as users start it, in a process of its own."""
    with running("pubsub", "--log-level", "WARNING") as emulator:
        yield Server(EMBEDDED, emulator.address)


@contextmanager
def google_server() -> Iterator[Server]:
    """Run Google's emulator where it is installed, else in a container; skips the tests where neither is possible."""
    try:
        find_installation()
    except EmulatorUnavailableError as error:
        with _google_in_docker(str(error)) as server:
            yield server
        return
    with running("pubsub.google", "--short-run") as emulator:
        yield Server(GOOGLE, emulator.address)


@contextmanager
def _google_in_docker(not_installed: str) -> Iterator[Server]:
    """Run Google's emulator in Docker on the host's network, since it pushes to endpoints of the tests."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.skip(f"Google's emulator is absent: {not_installed}, and Docker does not answer")
    port = free_port()
    command = f"gcloud beta emulators pubsub start --host-port=127.0.0.1:{port}"
    container = DockerContainer(GOOGLE_IMAGE, command=command, network_mode="host").start()
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/"), "the emulator in its container", 60)
        yield Server(GOOGLE, f"127.0.0.1:{port}")
    finally:
        container.stop()


def answers(url: str) -> bool:
    """Return whether a GET of the http URL succeeds now."""
    try:
        with urlopen(url, timeout=1):  # noqa: S310 - a port of our own
            return True
    except (URLError, OSError):
        return False


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true value. Fails the test when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what}: not within {seconds:g} s")


@dataclass(frozen=True)
class Push:
    """One request that an endpoint received."""

    at: float
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def message_id(self) -> str:
        return str(self.body["message"]["messageId"])


class Endpoint:
    """An HTTP server that answers pushes with the given statuses, then with 200."""

    def __init__(self, *statuses: int, port: int = 0) -> None:
        self.received: queue.Queue[Push] = queue.Queue()
        self._statuses = itertools.chain(statuses, itertools.repeat(200))
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = next(endpoint._statuses)
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.received.put(Push(time.monotonic(), headers, body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Suppress the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def next(self, seconds: float = PATIENCE_SECONDS) -> Push:
        """Return the next push. Fails the test when none comes."""
        try:
            return self.received.get(timeout=seconds)
        except queue.Empty:
            pytest.fail(f"no push within {seconds:g} s")

    def nothing_for(self, seconds: float) -> bool:
        """Return whether no push comes for so long."""
        try:
            self.received.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Pubsub:
    """A client of a server through google-cloud-pubsub, with names that no other test uses."""

    _numbers = itertools.count(1)

    def __init__(self, server: Server) -> None:
        self.server = server
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(os.environ, "PUBSUB_EMULATOR_HOST", server.address)
            self.publisher = pubsub_v1.PublisherClient()
            self.subscriber = pubsub_v1.SubscriberClient()

    def name(self, kind: str) -> str:
        """Return a new name, of kind `topics` or `subscriptions`."""
        return f"projects/{PROJECT}/{kind}/c{next(self._numbers):05d}"

    def topic(self) -> str:
        return str(self.publisher.create_topic(name=self.name("topics")).name)

    def subscription(self, topic: str, **settings: Any) -> str:
        request = {"name": self.name("subscriptions"), "topic": topic, **settings}
        return str(self.subscriber.create_subscription(request=request).name)

    def publish(self, topic: str, data: bytes = b"data", **attributes: str) -> str:
        return str(self.publisher.publish(topic, data, **attributes).result(timeout=90))

    def pull_now(self, subscription: str, limit: int = 10) -> list[Any]:
        request = {"subscription": subscription, "max_messages": limit, "return_immediately": True}
        return list(self.subscriber.pull(request=request).received_messages)

    def pull(self, subscription: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait for one message and return it."""
        return wait_for(lambda: self.pull_now(subscription, 1), "a message to pull", seconds)[0]

    def nothing_to_pull_for(self, subscription: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.pull_now(subscription):
                return False
            time.sleep(0.05)
        return True

    def ack(self, subscription: str, *received: Any) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[item.ack_id for item in received])

    def deadline(self, subscription: str, received: Any, seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=seconds
        )

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()


def status_of(call: Callable[[], Any]) -> str:
    """Return the name of the status with which a call is refused, or `OK`."""
    try:
        call()
    except GoogleAPICallError as error:
        assert error.grpc_status_code is not None
        return str(error.grpc_status_code.name)
    return "OK"

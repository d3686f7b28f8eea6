"""The embedded Pub/Sub server as a process, and its features beyond the API: the backlog, its limits, its shutdown."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError, MethodNotImplemented
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PullRequest

import gcp_emulators
from gcp_emulators.testing import free_port

PATIENCE_SECONDS = 90.0
"""Timeout of a wait, on a machine that also runs other processes."""
TOPIC = "projects/p/topics/main"
SUBSCRIPTION = "projects/p/subscriptions/main"
DEAD = "projects/p/subscriptions/dead"


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    publisher: PublisherClient
    subscriber: SubscriberClient

    def get(self, path: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def backlog_when(self, unacked: int) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            backlog: dict[str, Any] = self.get("/backlog")
            if backlog["unacked"] == unacked:
                return backlog
            time.sleep(0.01)
        pytest.fail(f"the backlog did not become {unacked}: {backlog}")


def command(port: int, admin_port: int) -> list[str]:
    options = ["--log-level", "WARNING", "--port", str(port), "--admin-port", str(admin_port)]
    return [sys.executable, "-m", "gcp_emulators.pubsub", *options]


@pytest.fixture
def server() -> Iterator[Running]:
    port, admin_port = free_port(), free_port()
    library = Path(gcp_emulators.__file__).parents[1]
    process = subprocess.Popen(command(port, admin_port), cwd=library)
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    grpc.channel_ready_future(channel).result(timeout=PATIENCE_SECONDS)
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    publisher.create_topic(name=TOPIC)
    running = Running(process, port, admin_port, publisher, subscriber)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert running.get("/healthz") == {"status": "ok"}
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    yield running
    channel.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_SECONDS)


@pytest.fixture
def held_endpoint() -> Iterator[tuple[str, threading.Event, queue.Queue[str]]]:
    """Serve an endpoint that answers 200 only once the event is set."""
    release = threading.Event()
    arrived: queue.Queue[str] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived.put(self.path)
            release.wait(PATIENCE_SECONDS)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Suppress the log."""

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{receiver.server_port}/", release, arrived
    release.set()
    receiver.shutdown()
    receiver.server_close()


def test_message_is_in_backlog_until_push_is_answered(
    server: Running, held_endpoint: tuple[str, threading.Event, queue.Queue[str]]
) -> None:
    url, release, arrived = held_endpoint
    server.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC, push_config={"push_endpoint": url})
    server.subscriber.create_subscription(name=DEAD, topic=TOPIC)
    assert server.get("/backlog")["unacked"] == 0
    server.publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])
    assert server.get("/backlog")["unacked"] == 2
    arrived.get(timeout=PATIENCE_SECONDS)
    waiting = server.get("/backlog")["subscriptions"][SUBSCRIPTION]
    assert (waiting["unacked"], waiting["outstanding"], waiting["delivered"]) == (1, 1, 1)
    before = time.monotonic()
    release.set()
    done = server.backlog_when(1)["subscriptions"]
    # All processes of a machine share one clock; the server rounds it to milliseconds.
    assert before - 0.01 <= done[SUBSCRIPTION].pop("last_acked") <= time.monotonic()
    assert done[DEAD]["last_acked"] is None
    assert done[SUBSCRIPTION] == {
        "unacked": 0,
        "outstanding": 0,
        "oldest_unacked_seconds": 0,
        "delivered": 1,
        "acked": 1,
        "nacked": 0,
        "expired": 0,
        "dead_lettered": 0,
        "push": True,
    }
    assert done[DEAD]["push"] is False
    assert done[DEAD]["oldest_unacked_seconds"] > 0


def test_dead_letter_moves_between_backlogs_atomically(server: Running) -> None:
    dead_topic = "projects/p/topics/dead"
    server.publisher.create_topic(name=dead_topic)
    server.subscriber.create_subscription(name=DEAD, topic=dead_topic)
    policy = {"dead_letter_topic": dead_topic, "max_delivery_attempts": 5}
    server.subscriber.create_subscription(
        request={"name": SUBSCRIPTION, "topic": TOPIC, "dead_letter_policy": policy}
    )
    server.publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])
    for _ in range(5):
        assert server.get("/backlog")["unacked"] == 1
        (received,) = server.subscriber.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
        server.subscriber.modify_ack_deadline(
            subscription=SUBSCRIPTION, ack_ids=[received.ack_id], ack_deadline_seconds=0
        )
    backlog = server.get("/backlog")
    assert backlog["unacked"] == 1
    assert backlog["subscriptions"][SUBSCRIPTION]["dead_lettered"] == 1
    assert backlog["subscriptions"][DEAD]["unacked"] == 1


def test_detached_subscription_has_no_backlog(server: Running) -> None:
    server.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
    server.publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])
    server.publisher.detach_subscription(request={"subscription": SUBSCRIPTION})
    assert server.get("/backlog")["unacked"] == 0
    assert server.subscriber.get_subscription(subscription=SUBSCRIPTION).detached
    with pytest.raises(GoogleAPICallError) as refusal:
        server.subscriber.pull(subscription=SUBSCRIPTION, max_messages=1)
    assert refusal.value.grpc_status_code is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    "settings",
    [
        {"enable_message_ordering": True},
        {"enable_exactly_once_delivery": True},
        {"push_config": {"push_endpoint": "http://127.0.0.1/", "no_wrapper": {}}},
    ],
)
def test_unsupported_settings_are_refused(server: Running, settings: dict[str, Any]) -> None:
    with pytest.raises(MethodNotImplemented, match="does not support"):
        server.subscriber.create_subscription(request={"name": SUBSCRIPTION, "topic": TOPIC, **settings})


def test_sigterm_ends_server_during_push_stream_and_pull(
    server: Running, held_endpoint: tuple[str, threading.Event, queue.Queue[str]]
) -> None:
    url, release, arrived = held_endpoint
    server.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC, push_config={"push_endpoint": url})
    server.subscriber.create_subscription(
        request={"name": DEAD, "topic": TOPIC, "filter": "attributes:never"}
    )
    server.publisher.publish(topic=TOPIC, messages=[{"data": b"x"}])
    arrived.get(timeout=PATIENCE_SECONDS)
    stream = server.subscriber.streaming_pull(
        iter([{"subscription": DEAD, "stream_ack_deadline_seconds": 10}])
    )
    pulling = server.subscriber.transport.pull.future(PullRequest(subscription=DEAD, max_messages=1))
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert not release.is_set(), "it ended while a push was still unanswered"
    stream.cancel()
    assert pulling.exception(timeout=PATIENCE_SECONDS) is not None


def test_taken_port_exits_1_with_message(server: Running) -> None:
    second = subprocess.run(
        command(server.port, free_port()),
        cwd=Path(gcp_emulators.__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert "cannot serve" in second.stderr


def test_disabling_push_releases_messages_in_flight(
    server: Running, held_endpoint: tuple[str, threading.Event, queue.Queue[str]]
) -> None:
    url, _, arrived = held_endpoint
    server.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC, push_config={"push_endpoint": url})
    server.publisher.publish(topic=TOPIC, messages=[{"data": b"x"}] * 50)
    arrived.get(timeout=PATIENCE_SECONDS)
    server.subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config={})
    freed: set[str] = set()
    while len(freed) < 50:
        received = server.subscriber.pull(
            subscription=SUBSCRIPTION, max_messages=50, timeout=PATIENCE_SECONDS
        ).received_messages
        freed |= {item.message.message_id for item in received}

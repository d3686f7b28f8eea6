"""Tests of the push window against a real endpoint: a backlog waits in the server and is pushed once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gcp_emulators.pubsub import messages
from gcp_emulators.pubsub.broker import Broker
from gcp_emulators.pubsub.push import (
    LARGEST_WINDOW,
    MAX_OUTSTANDING_LABEL,
    Flow,
    PushDispatcher,
    max_outstanding,
)
from gcp_emulators.pubsub.server import serving
from gcp_emulators.pubsub.subscription import LiveSubscription
from gcp_emulators.testing import free_port

TOPIC, SUBSCRIPTION = "projects/p/topics/work", "projects/p/subscriptions/workers"
BACKLOG = 2_000


class Endpoint:
    """An endpoint that answers 204 after a turn of the event loop and counts its requests."""

    def __init__(self) -> None:
        self.pushed: Counter[str] = Counter()
        self.open = self.most_open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                await asyncio.sleep(0)
                self.pushed[body["message"]["messageId"]] += 1
                self.open -= 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()


@asynccontextmanager
async def pushing(**labels: str) -> AsyncIterator[tuple[Broker, LiveSubscription, Endpoint]]:
    """Run a server with a backlog for an endpoint of this process."""
    endpoint = Endpoint()
    sink = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    async with serving(port=0) as broker:
        broker.create_topic(messages.Topic(name=TOPIC))
        requested = messages.Subscription(name=SUBSCRIPTION, topic=TOPIC, labels=labels)
        subscription = broker.create_subscription(requested)
        for _ in range(BACKLOG // 1_000):
            broker.publish(
                messages.PublishRequest(topic=TOPIC, messages=[messages.PubsubMessage(data=b"x")] * 1_000)
            )
        url = f"http://127.0.0.1:{sink.sockets[0].getsockname()[1]}/push"
        broker.modify_push_config(
            SUBSCRIPTION, messages.Subscription(push_config={"push_endpoint": url}).push_config
        )
        yield broker, subscription, endpoint
    sink.close()


async def drained(subscription: LiveSubscription, look: Callable[[], Any]) -> None:
    async with asyncio.timeout(300):
        while subscription.queue.unacked:
            look()
            await subscription.changed()


@pytest.mark.parametrize(("label", "most"), [("1", 1), ("4", 4), ("", LARGEST_WINDOW)])
def test_backlog_drains_once_within_the_labelled_concurrency(label: str, most: int) -> None:
    async def run() -> None:
        async with pushing(**({MAX_OUTSTANDING_LABEL: label} if label else {})) as (
            _,
            subscription,
            endpoint,
        ):
            outstanding = []
            await drained(subscription, lambda: outstanding.append(subscription.queue.outstanding))
            assert set(endpoint.pushed.values()) == {1}
            assert len(endpoint.pushed) == BACKLOG
            assert max(outstanding) <= most
            assert endpoint.most_open <= most
            queue = subscription.queue
            assert (queue.outstanding, queue.next_event()) == (0, None)
            # The server keeps no delivered message, so its memory does not grow over days.
            kept = (queue._entries, queue._ready, queue._delayed, queue._leases, queue._expiries, queue._held)
            assert not any(kept)

    asyncio.run(run())


@pytest.mark.slow
def test_large_backlogs_drain_once_without_memory_growth() -> None:
    """The backlog waits in the server, is pushed once, eight messages at a time, and leaves no memory in use."""

    async def run() -> None:
        async with pushing(**{MAX_OUTSTANDING_LABEL: "8"}) as (server, subscription, endpoint):
            await drained(subscription, lambda: None)
            held = []
            for _ in range(3):
                endpoint.pushed.clear()
                for _ in range(20):
                    server.publish(
                        messages.PublishRequest(
                            topic=TOPIC, messages=[messages.PubsubMessage(data=b"x" * 1_000)] * 1_000
                        )
                    )
                await drained(subscription, lambda: None)
                assert len(endpoint.pushed) == 20_000
                assert set(endpoint.pushed.values()) == {1}
                held.append(resident_mib())
            assert endpoint.most_open <= 8
            assert held[-1] <= held[0] + 5

    asyncio.run(run())


def resident_mib() -> float:
    """Return this process's resident memory in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_the_label_of_a_running_subscription_counts_at_once() -> None:
    async def run() -> None:
        async with pushing() as (broker, subscription, endpoint):
            wanted = messages.Subscription(name=SUBSCRIPTION, labels={MAX_OUTSTANDING_LABEL: "2"})
            mask = messages.UpdateSubscriptionRequest(update_mask={"paths": ["labels"]}).update_mask
            broker.update_subscription(wanted, mask)
            await drained(subscription, lambda: None)
            assert endpoint.most_open <= 2

    asyncio.run(run())


def test_new_endpoint_starts_without_the_old_endpoints_pause() -> None:
    async def run() -> None:
        async with pushing() as (broker, subscription, endpoint):
            good = subscription.push_endpoint
            push_config = type(subscription.config.push_config)
            broker.modify_push_config(
                SUBSCRIPTION, push_config(push_endpoint=f"http://127.0.0.1:{free_port()}/")
            )
            async with asyncio.timeout(60):
                while subscription.queue.counters.nacked < 4:
                    await subscription.changed()
            assert _flow(broker).pause_seconds() > 0
            broker.modify_push_config(SUBSCRIPTION, push_config(push_endpoint=good))
            assert _flow(broker).pause_seconds() == 0
            await drained(subscription, lambda: None)
            assert len(endpoint.pushed) == BACKLOG

    asyncio.run(run())


def _flow(broker: Broker) -> Flow:
    pusher = broker._pushers[SUBSCRIPTION]
    assert isinstance(pusher, PushDispatcher)
    return pusher._flow


@pytest.mark.parametrize(
    ("stated", "meant"),
    [("8", 8), ("0", 1), ("", LARGEST_WINDOW), ("-1", LARGEST_WINDOW), ("many", LARGEST_WINDOW)],
)
def test_outstanding_label_is_parsed_or_defaults_to_the_largest_window(stated: str, meant: int) -> None:
    assert max_outstanding({MAX_OUTSTANDING_LABEL: stated}) == meant

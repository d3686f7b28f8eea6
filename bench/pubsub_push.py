"""Push throughput and latency of the embedded Pub/Sub server, beside Google's emulator in the same run.

    python -m bench.pubsub_push [--messages 2000] [--json] [--compare-clients]

Three loads of 1 KB messages. The first goes to a subscription without a subscriber, and measures the cost to accept a
message. The other two go to a push subscription whose endpoint answers at once from its own process: a burst (published
as fast as the server accepts: messages a second until the last receipt) and a trickle (one message at a time:
publish-to-receipt latency without a queue). CPU time is the server's. Times come from one machine's clock.
`--compare-clients` measures the server's HTTP client against httpx on the same endpoint instead.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
from google.pubsub_v1 import PublisherClient, PubsubMessage, PushConfig, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc import insecure_channel

from bench.command import Figures, run
from bench.endpoint import Endpoint, Receipt, running_endpoint
from bench.measures import cpu_seconds, descendants, median_ms, p95_ms, until
from gcp_emulators.pubsub import google as google_emulator
from gcp_emulators.pubsub.push_client import PushClient
from gcp_emulators.testing import running

PAYLOAD_BYTES = 1_024
BATCH = 100
WARM_UP = 50
TRICKLE = 100
TIMEOUT_SECONDS = 120.0


def measure(address: str, server: int, endpoint: Endpoint, messages: int) -> dict[str, float]:
    """Run the three loads against one server. server: its process id."""
    with insecure_channel(address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        topics = {
            name: publisher.create_topic(name=f"projects/bench/topics/{name}").name
            for name in ("kept", "push")
        }
        for name, config in (
            ("kept", PushConfig()),
            ("push", PushConfig(push_endpoint=f"{endpoint.url}/push")),
        ):
            subscriber.create_subscription(
                name=f"projects/bench/subscriptions/{name}",
                topic=topics[name],
                push_config=config,
                ack_deadline_seconds=60,
            )

        def publish(topic: str, count: int) -> None:
            for first in range(0, count, BATCH):
                data = struct.pack("d", time.time()).ljust(PAYLOAD_BYTES, b".")
                publisher.publish(
                    topic=topics[topic], messages=[PubsubMessage(data=data)] * min(BATCH, count - first)
                )

        def spent() -> float:
            return sum(map(cpu_seconds, descendants([server])))  # a process of ours starts Google's emulator

        def receive(count: int) -> list[Receipt]:
            until(lambda: endpoint.count() >= count, TIMEOUT_SECONDS, "the messages to arrive")
            return endpoint.take()

        for topic in topics:
            publish(topic, WARM_UP)
        receive(WARM_UP)
        before = spent()
        publish("kept", messages)
        to_take = spent() - before
        started = time.time()
        publish("push", messages)
        burst = receive(messages)
        to_take_and_push = spent() - before - to_take
        trickle = []
        for _ in range(TRICKLE):
            publish("push", 1)
            until(lambda: endpoint.count() == 1, TIMEOUT_SECONDS, "a message to arrive", poll=0.005)
            trickle += endpoint.take()
        subscriber.delete_subscription(subscription="projects/bench/subscriptions/push")
    waits = {"burst": latencies(burst), "trickle": latencies(trickle)}
    return {
        "messages_per_second": round(messages / (max(at for at, _ in burst) - started), 1),
        "cpu_ms_to_take": round(to_take / messages * 1e3, 3),
        "cpu_ms_to_push": round((to_take_and_push - to_take) / messages * 1e3, 3),
        **{f"{name}_p50_ms": median_ms(seconds) for name, seconds in waits.items()},
        **{f"{name}_p95_ms": p95_ms(seconds) for name, seconds in waits.items()},
    }


def latencies(receipts: Sequence[Receipt]) -> list[float]:
    """Return the seconds from publishing to receipt of each message, whose data begins with its time of publishing."""
    sent = (
        struct.unpack_from("d", base64.b64decode(json.loads(body)["message"]["data"]))[0]
        for _, body in receipts
    )
    return [at - published for (at, _), published in zip(receipts, sent, strict=True)]


async def measure_clients(url: str, messages: int) -> dict[str, float]:
    """Return the requests a second of the server's client and of httpx, with 10 and 100 at a time."""
    body = b"." * 1_600
    result = {}
    for at_once in (10, 100):
        own = PushClient()
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        async with httpx.AsyncClient(limits=limits, timeout=60) as general:
            result[f"push_client_{at_once}"] = await rate(lambda: own.post(url, body, 60), at_once, messages)  # noqa: B023
            result[f"httpx_{at_once}"] = await rate(
                lambda: general.post(url, content=body), at_once, messages
            )
        await own.close()
    return result


async def rate(post: Callable[[], Awaitable[Any]], at_once: int, messages: int) -> float:
    """Post so many messages, so many at once; return messages a second."""
    numbers = iter(range(messages))

    async def worker() -> None:
        for _ in numbers:
            await post()

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return round(messages / (time.perf_counter() - started), 1)


def compare_servers(endpoint: Endpoint, messages: int) -> dict[str, Any]:
    """Measure the embedded server and Google's emulator."""
    with running("pubsub", "--log-level", "WARNING") as embedded:
        result: dict[str, Any] = {
            "embedded": measure(embedded.address, embedded.process.pid, endpoint, messages)
        }
    try:
        google_emulator.find_installation()
        with running("pubsub.google") as emulator:
            result["google"] = measure(emulator.address, emulator.process.pid, endpoint, messages)
    except google_emulator.EmulatorUnavailableError as error:
        result["google"] = f"not measured: {error}"
    else:
        rates = [result[name]["messages_per_second"] for name in ("embedded", "google")]
        result["ratio"] = round(rates[0] / rates[1], 2)
    return result


def main(messages: int = 2_000, compare_clients: bool = False) -> Figures:
    """Measure."""
    # Without this variable, Google's clients require credentials; `measure` passes them its own channel.
    os.environ["PUBSUB_EMULATOR_HOST"] = "localhost"
    with running_endpoint() as endpoint:
        if compare_clients:
            return asyncio.run(measure_clients(f"{endpoint.url}/push", messages))
        return compare_servers(endpoint, messages)


if __name__ == "__main__":
    run(main)

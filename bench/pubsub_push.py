"""Push throughput and latency of the embedded Pub/Sub server, beside Google's emulator in the same run.

    python bench/pubsub_push.py [--messages 2000] [--json] [--compare-clients]

Two loads, each of 1 KB messages to one push subscription whose endpoint answers at once from a process of its own:
a burst (published as fast as it is accepted: messages a second until the last receipt) and a trickle (one message at
a time: publish-to-receipt latency without a queue). Times come from one machine's clock.
`--compare-clients` measures the server's HTTP client against httpx on the same endpoint instead.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from arguments import bench_parser

LIBRARY = Path(__file__).parents[1] / "libs" / "emulators"
sys.path.insert(0, str(LIBRARY))

from gcp_emulators.pubsub import google as google_emulator  # noqa: E402 - runs without an installation
from gcp_emulators.testing import free_port, running  # noqa: E402

PAYLOAD_BYTES = 1_024
BATCH = 100
TRICKLE = 100
TIMEOUT_SECONDS = 120.0


class Sink(asyncio.Protocol):
    """An HTTP/1.1 endpoint that answers 204 at once and notes when each message came."""

    latencies: list[float]
    last_receipt: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection (asyncio.Protocol)."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are whole (asyncio.Protocol)."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.transport.write(self.answer(head, body))

    @classmethod
    def answer(cls, head: bytes, body: bytes) -> bytes:
        """Note how long the message took, and answer."""
        if head.startswith(b"post"):
            now = time.time()
            if b'"message"' in body:
                data = base64.b64decode(json.loads(body)["message"]["data"])
                cls.latencies.append(now - struct.unpack_from("d", data)[0])
            cls.last_receipt = now
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        report = json.dumps({"latencies": cls.latencies, "last_receipt": cls.last_receipt}).encode()
        count = str(len(cls.latencies)).encode()
        if head.startswith(b"delete"):
            cls.latencies = []
        answer = count if b"/count" in head else report
        return b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(answer)).encode() + b"\r\n\r\n" + answer


async def serve_sink(port: int) -> None:
    """Serve the sink until the task is cancelled."""
    Sink.latencies, Sink.last_receipt = [], 0.0
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def process(*arguments: str, ready: str) -> Iterator[None]:
    """Return a Python process that is ready when the URL answers."""
    child = subprocess.Popen([sys.executable, *arguments], cwd=LIBRARY)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                fetch(ready)
                break
            except OSError:
                assert child.poll() is None and time.monotonic() < deadline, f"{arguments} did not start"
                time.sleep(0.02)
        yield
    finally:
        child.terminate()
        child.wait(5)


def fetch(url: str | Request) -> Any:
    """Ask the sink and read its JSON."""
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - the sink of this run
        return json.load(answer)


def measure(address: str, sink: str, messages: int) -> dict[str, float]:
    """Burst and trickle against one server."""
    os.environ["PUBSUB_EMULATOR_HOST"] = address
    from google.pubsub_v1 import PublisherClient, SubscriberClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
    from grpc import insecure_channel

    with insecure_channel(address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        topic = publisher.create_topic(name="projects/bench/topics/push").name
        subscription = "projects/bench/subscriptions/push"
        subscriber.create_subscription(
            name=subscription,
            topic=topic,
            push_config={"push_endpoint": f"{sink}/push"},
            ack_deadline_seconds=60,
        )

        def publish(count: int) -> None:
            data = struct.pack("d", time.time()).ljust(PAYLOAD_BYTES, b".")
            publisher.publish(topic=topic, messages=[{"data": data}] * count)

        def wait(count: int) -> dict[str, Any]:
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while fetch(f"{sink}/count") < count:
                assert time.monotonic() < deadline, "the messages did not all arrive"
                time.sleep(0.02)
            report: dict[str, Any] = fetch(f"{sink}/report")
            fetch(Request(f"{sink}/", method="DELETE"))  # noqa: S310 - as above
            return report

        publish(50)
        wait(50)
        started = time.time()
        for first in range(0, messages, BATCH):
            publish(min(BATCH, messages - first))
        burst = wait(messages)
        for sent in range(1, TRICKLE + 1):
            publish(1)
            while fetch(f"{sink}/count") < sent:
                time.sleep(0.005)
        trickle = wait(TRICKLE)
        subscriber.delete_subscription(subscription=subscription)
    return {
        "messages_per_second": round(messages / (burst["last_receipt"] - started), 1),
        **milliseconds("burst", burst["latencies"]),
        **milliseconds("trickle", trickle["latencies"]),
    }


def milliseconds(name: str, latencies: list[float]) -> dict[str, float]:
    """Return p50 and p95 in milliseconds."""
    return {
        f"{name}_p50_ms": round(statistics.median(latencies) * 1e3, 2),
        f"{name}_p95_ms": round(statistics.quantiles(latencies, n=20)[-1] * 1e3, 2),
    }


async def compare_clients(sink: str, messages: int) -> dict[str, float]:
    """Return requests a second of the server's client and of httpx, 10 and 100 at a time."""
    import httpx

    from gcp_emulators.pubsub.push_client import PushClient

    body = b"." * 1_600
    url = f"{sink}/push"
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


def compare_servers(sink: str, messages: int) -> dict[str, Any]:
    """Measure the embedded server and Google's emulator."""
    port, admin_port = free_port(), free_port()
    embedded = [
        "-m",
        "gcp_emulators.pubsub",
        "--log-level",
        "WARNING",
        "--port",
        str(port),
        "--admin-port",
        str(admin_port),
    ]
    with process(*embedded, ready=f"http://127.0.0.1:{admin_port}/healthz"):
        result: dict[str, Any] = {"embedded": measure(f"127.0.0.1:{port}", sink, messages)}
    try:
        google_emulator.find_installation()
        with running("pubsub.google") as emulator:
            result["google"] = measure(emulator.address, sink, messages)
    except google_emulator.EmulatorUnavailableError as error:
        result["google"] = None
        result["google_absent"] = str(error)
    else:
        rates = [result[name]["messages_per_second"] for name in ("embedded", "google")]
        result["ratio"] = round(rates[0] / rates[1], 2)
    return result


def main() -> None:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--messages", type=int, default=2_000)
    parser.add_argument("--compare-clients", action="store_true")
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        asyncio.run(serve_sink(arguments.sink))
        return
    port = free_port()
    sink = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            process(str(Path(__file__).resolve()), "--sink", str(port), ready=f"{sink}/count")
        )
        if arguments.compare_clients:
            result: dict[str, Any] = asyncio.run(compare_clients(sink, arguments.messages))
        else:
            result = compare_servers(sink, arguments.messages)
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {value}" if not isinstance(value, dict) else name)
        for measure_name, number in (value if isinstance(value, dict) else {}).items():
            print(f"  {measure_name:22} {number:>10,}")


if __name__ == "__main__":
    main()

"""The admin endpoint: `GET /healthz`, and `GET /backlog` for a driver that waits until nothing is unacknowledged."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Any

from gcp_emulators.pubsub.broker import Broker

_HEAD_SECONDS = 5.0
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


def backlog(broker: Broker) -> dict[str, Any]:
    """Return every subscription's counts and their total.

    A message counts in `unacked` from the response to its publish until it is acknowledged, or moved in one step to the
    dead-letter topic's subscriptions. `outstanding` are the leased ones; `delivered` counts attempts; ages are in
    seconds; `last_acked` is on the machine's monotonic clock, null before the first one.
    """
    subscriptions: dict[str, Any] = {}
    for name, subscription in broker.subscriptions.items():
        queue = subscription.queue
        queue.advance()
        subscriptions[name] = {
            "unacked": queue.unacked,
            "outstanding": queue.outstanding,
            "oldest_unacked_seconds": round(queue.oldest_unacked_seconds(), 3),
            **asdict(queue.counters),
            "push": bool(subscription.push_endpoint),
        }
    for name, counts in subscriptions.items():
        # Advancing one subscription may have moved a message to a dead-letter subscription that was read before it.
        counts["unacked"] = broker.subscriptions[name].queue.unacked
    return {
        "subscriptions": subscriptions,
        "unacked": sum(counts["unacked"] for counts in subscriptions.values()),
    }


async def start(broker: Broker, host: str, port: int) -> asyncio.Server:
    """Serve the endpoint; one request per connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            status, body = _route(broker, head)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            status, body = 400, {"error": "not a request"}
        payload = json.dumps(body).encode()
        writer.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
            + payload
        )
        writer.close()

    return await asyncio.start_server(answer, host, port)


def _route(broker: Broker, head: bytes) -> tuple[int, dict[str, Any]]:
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3:
        return 400, {"error": "not a request"}
    method, path = words[0], words[1].split(b"?", 1)[0]
    if method != b"GET":
        return 405, {"error": "only GET"}
    if path == b"/healthz":
        return 200, {"status": "ok"}
    if path == b"/backlog":
        return 200, backlog(broker)
    return 404, {"error": "unknown path"}

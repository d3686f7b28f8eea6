"""Pushes as Pub/Sub sends them, as many connections at once as asked, from a client that costs next to nothing."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from urllib.parse import urlsplit

from tipoff_common.binding import Envelope, encode
from tipoff_common.events import ScrapeExecuted
from tipoff_common.identity import event_id

_NAME, _EVENT = "name-of-one-execution", "id-of-its-event"
GAME_DATE = date(2025, 1, 15)


@dataclass
class Load:
    """What a load came to: seconds in all, and of each push; how many were not acknowledged."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        """Answered pushes a second."""
        return len(self.latencies) / self.seconds


def execution(name: str, at: datetime) -> ScrapeExecuted:
    """Return an execution as the runner publishes it, with a summary of the usual size."""
    return ScrapeExecuted.model_validate(
        {
            "execution_id": name,
            "request_id": name,
            "occurrence_id": "5d0c1f5e-8a55-5b8e-9d0a-6f6f2f0c3c11",
            "decision_id": "1f0b6c1e-0a51-5b1e-8d0a-aaaa2f0c3c11",
            "attempt": 1,
            "scraper_name": "nbac_player_boxscore",
            "workflow": "post_game_collection",
            "step": "boxscores",
            "game_date": GAME_DATE,
            "parameters": {"game_date": GAME_DATE.isoformat(), "game_id": "0022400561"},
            "outcome": {
                "status": "success",
                "record_count": 26,
                "gcs_path": "gs://nba-scraped-data/nba-com/player-boxscore/2025-01-15/0123456789abcdef.json",
            },
            "data_summary": {"record_count": 26, "games": {"0022400561": {"expected": 26, "got": 26}}},
            "triggered_at": at,
            "completed_at": at,
            "duration_seconds": 1.5,
            "source": "CONTROLLER",
            "environment": "local",
            "triggered_by": "tick",
            "retry_count": 0,
            "run_id": "8c0c1f5e-8a55-4b8e-9d0a-6f6f2f0c3c11",
            "opts": {"game_date": GAME_DATE.isoformat(), "game_id": "0022400561"},
            "config_hash": "abcdef012345",
        }
    )


def pushes(names: Iterator[str], subscription: str) -> Iterator[bytes]:
    """Yield the body of one push for each name, all but the name made once."""
    at = datetime.now(UTC)
    event = execution(_NAME, at)
    data, attributes = encode(Envelope(event, event.id, "/tipoff/bench", at))
    message = {"data": "", "attributes": attributes, "messageId": _NAME, "publishTime": at.isoformat()}
    wrapped = json.dumps({"message": message, "subscription": subscription})
    head, tail = wrapped.replace(event.id, _EVENT).encode().split(b'"data": "', 1)
    for name in names:
        payload = b64encode(data.replace(_NAME.encode(), name.encode()))
        rest = tail.replace(_EVENT.encode(), event_id(ScrapeExecuted.TYPE, name).encode())
        yield head + b'"data": "' + payload + rest.replace(_NAME.encode(), name.encode())


class _Lane:
    """Sends the next push as soon as the last one is answered, by each of the endpoints if there are several."""

    def __init__(self, bodies: Iterator[bytes], load: Load, done: asyncio.Future[None]) -> None:
        self._bodies, self._load, self._done = bodies, load, done
        self._connections: list[_Connection] = []
        self._unanswered = 0
        self._began = 0.0

    async def open(self, endpoints: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        for endpoint in endpoints:
            url = urlsplit(endpoint)
            target = f"{url.path}?{url.query}"
            _, connection = await loop.create_connection(
                partial(_Connection, target, self), url.hostname, url.port
            )
            self._connections.append(connection)
        self._send()

    def answered(self, status: bytes) -> None:
        self._load.refused += not status.startswith(b"HTTP/1.1 20")
        self._unanswered -= 1
        if not self._unanswered:
            self._load.latencies.append(time.perf_counter() - self._began)
            self._send()

    def lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the service closed a connection"))

    def _send(self) -> None:
        body = next(self._bodies, None)
        if body is None:
            self._done.set_result(None)
            for connection in self._connections:
                connection.transport.close()
            return
        self._began = time.perf_counter()
        self._unanswered = len(self._connections)
        for connection in self._connections:
            connection.post(body)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    transport: asyncio.Transport

    def __init__(self, target: str, lane: _Lane) -> None:
        self._head = f"POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n".encode()
        self._lane = lane
        self._buffer = b""

    def post(self, body: bytes) -> None:
        self.transport.write(self._head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._lane.answered(head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lane.lost(exc)


async def send(endpoints: Sequence[str], bodies: Iterator[bytes], connections: int) -> Load:
    """Send every push to every endpoint, over `connections` connections to each: so they get the same at the same
    time."""
    loop = asyncio.get_running_loop()
    load = Load(0.0)
    began = time.perf_counter()
    waits: list[asyncio.Future[None]] = []
    for _ in range(connections):
        waits.append(loop.create_future())
        await _Lane(bodies, load, waits[-1]).open(endpoints)
    await asyncio.gather(*waits)
    load.seconds = time.perf_counter() - began
    return load

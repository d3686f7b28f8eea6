"""Pushes as Pub/Sub sends them, as many connections at once as asked, from a client that costs next to nothing."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from tipoff_common.binding import Envelope, encode
from tipoff_common.events import ScrapeExecuted
from tipoff_common.identity import event_id

_NAME = "name-of-one-execution"
GAME_DATE = date(2025, 1, 15)


@dataclass
class Load:
    """What a load came to: seconds in all, and of each push; how many were not acknowledged."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def execution(name: str, at: datetime) -> ScrapeExecuted:
    """An execution as the runner publishes it, with a summary of the usual size."""
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
    """The body of one push for each name, all but the name made once."""
    at = datetime.now(UTC)
    event = execution(_NAME, at)
    data, attributes = encode(Envelope(event, event.id, "/tipoff/bench", at))
    inner = ",".join(f'"{key}":"{value}"' for key, value in attributes.items())
    tail = f'","attributes":{{{inner}}},"messageId":"{_NAME}","publishTime":"{at.isoformat()}"}},"subscription":"{subscription}"}}'
    ids = event.id.encode()
    for name in names:
        payload = b64encode(data.replace(_NAME.encode(), name.encode()))
        own = event_id(ScrapeExecuted.TYPE, name).encode()
        yield b'{"message":{"data":"' + payload + tail.encode().replace(ids, own).replace(
            _NAME.encode(), name.encode()
        )


class _Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next push as soon as the last one is answered."""

    def __init__(self, target: str, bodies: Iterator[bytes], load: Load, done: asyncio.Future[None]) -> None:
        self._head = f"POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n".encode()
        self._bodies, self._load, self._done = bodies, load, done
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._load.latencies.append(time.perf_counter() - self._began)
        self._load.refused += not head.startswith(b"HTTP/1.1 20")
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the service closed a connection"))

    def _send(self) -> None:
        body = next(self._bodies, None)
        if body is None:
            if not self._done.done():
                self._done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def send(endpoint: str, bodies: Iterator[bytes], connections: int) -> Load:
    """Sends all pushes to a push endpoint over `connections` connections, each of which waits for its answers."""
    url = urlsplit(endpoint)
    loop = asyncio.get_running_loop()
    load = Load(0.0)
    began = time.perf_counter()
    waits = []
    for _ in range(connections):
        done = loop.create_future()
        waits.append(done)
        await loop.create_connection(
            lambda done=done: _Connection(f"{url.path}?{url.query}", bodies, load, done), url.hostname, url.port
        )
    await asyncio.gather(*waits)
    load.seconds = time.perf_counter() - began
    return load

"""A POST-only HTTP/1.1 client: keep-alive connections over asyncio streams, with h11 for the protocol.

Pushing sends many small requests, for which general clients cost more than the push itself
(`bench/pubsub_push.py --compare-clients` measures it).
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

import h11

_READ_BYTES = 65_536


class PushError(Exception):
    """No response: refused, interrupted, not HTTP, or not in time; the text states the cause."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    host: str
    port: int
    tls: bool
    authority: str
    target: str


@lru_cache(maxsize=256)
def _endpoint(url: str) -> _Endpoint:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = parts.netloc.rpartition("@")[2]
    return _Endpoint(parts.hostname or "", parts.port or (443 if tls else 80), tls, authority, target)


@dataclass(slots=True, eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    protocol: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    answered: bool = False
    """Whether the current request got any response byte: if not, the idle connection was closed, and the request may be
    sent again."""

    def close(self) -> None:
        self.writer.close()

    @property
    def usable(self) -> bool:
        return not self.writer.is_closing() and not self.reader.at_eof()


class PushClient:
    """Connections by endpoint, reused last in, first out; one for each concurrent request."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int, bool], list[_Connection]] = {}
        self._tls = lru_cache(maxsize=1)(ssl.create_default_context)

    async def post(self, url: str, body: bytes, timeout_seconds: float) -> int:
        """Send a POST; return the response's status, or an interim 102. Raises PushError."""
        endpoint = _endpoint(url)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._post(endpoint, body)
        except TimeoutError:
            raise PushError(f"no answer within {timeout_seconds:g} s") from None
        except (OSError, h11.ProtocolError, UnicodeError) as error:
            raise PushError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close idle connections; those in use close with their requests."""
        connections = [connection for idle in self._idle.values() for connection in idle]
        self._idle.clear()
        for connection in connections:
            connection.close()
        await asyncio.gather(
            *(connection.writer.wait_closed() for connection in connections), return_exceptions=True
        )

    async def _post(self, endpoint: _Endpoint, body: bytes) -> int:
        idle = self._idle.setdefault((endpoint.host, endpoint.port, endpoint.tls), [])
        while idle:
            connection = idle.pop()
            if not connection.usable:
                connection.close()
                continue
            try:
                return await self._exchange(connection, endpoint, body, idle)
            except (OSError, h11.RemoteProtocolError):
                if connection.answered:
                    raise
        reader, writer = await asyncio.open_connection(
            endpoint.host, endpoint.port, ssl=self._tls() if endpoint.tls else None
        )
        return await self._exchange(_Connection(reader, writer), endpoint, body, idle)

    async def _exchange(
        self, connection: _Connection, endpoint: _Endpoint, body: bytes, idle: list[_Connection]
    ) -> int:
        reusable = False
        connection.answered = False
        try:
            status = await _request(connection, endpoint, body)
            protocol = connection.protocol
            reusable = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        finally:
            if reusable:
                connection.protocol.start_next_cycle()
                idle.append(connection)
            else:
                connection.close()
        return status


async def _request(connection: _Connection, endpoint: _Endpoint, body: bytes) -> int:
    protocol = connection.protocol
    head = h11.Request(
        method="POST",
        target=endpoint.target,
        headers=[
            ("Host", endpoint.authority),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("User-Agent", "gcp-emulators"),
        ],
    )
    parts = [protocol.send(head), protocol.send(h11.Data(data=body)), protocol.send(h11.EndOfMessage())]
    connection.writer.write(b"".join(part for part in parts if part))
    await connection.writer.drain()
    status = 0
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            received = await connection.reader.read(_READ_BYTES)
            connection.answered = connection.answered or bool(received)
            protocol.receive_data(received)
        elif isinstance(event, h11.InformationalResponse):
            if event.status_code == 102:
                return 102
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.EndOfMessage):
            return status
        elif isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the connection was closed before the answer")

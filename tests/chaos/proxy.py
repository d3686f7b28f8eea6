"""A TCP proxy that makes calls fail, by request where it reads HTTP and by chunk where it does not.

It stands between the services and everything that they connect to. The fault of a call is drawn from a seed, and
written into the event log under the name of the calling service: the checker reads it there. The proxy runs in a thread
of its own with an event loop of its own, so that a test may block.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from tests.simulation.record import EventLog

HOST = "127.0.0.1"
HEAD_LIMIT = 1 << 20
HANG_SECONDS = 60.0
"""Longer than any caller's timeout."""
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


class CallFault(StrEnum):
    """The kinds of faults of a call."""

    DELAY = "delay"  # the call takes longer
    BUSY = "503"  # refused without effect
    LIMITED = "429"
    CUT = "cut"  # the connection breaks before the call arrives
    LOST = "lost answer"  # the call took effect, and its response is lost
    HALF = "half answer"  # the call took effect, and its response breaks off
    HANG = "no answer"  # no effect and no response until the caller's timeout


@dataclass(frozen=True)
class FaultProfile:
    """The frequency and kinds of faults."""

    share: float = 0.0
    """The share of the calls that fail."""
    kinds: tuple[CallFault, ...] = tuple(CallFault)
    max_delay: float = 0.5
    """The maximum delay in seconds."""


NO_FAULTS = FaultProfile()


@dataclass
class ChaosLog:
    """The event log of real processes; `at` is in seconds since the test began."""

    log: EventLog = field(default_factory=EventLog)
    began: float = field(default_factory=time.time)
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, by: str, *, at: float | None = None, **facts: Any) -> None:
        """Append an entry, with the current time or with `at`, in seconds since 1970."""
        with self._lock:
            self.log.add((time.time() if at is None else at) - self.began, kind, by, **facts)


@dataclass(eq=False)
class FaultyLink:
    """A connection from one service to one part of the cloud, or from Pub/Sub to one service."""

    service: str
    """The calling service, or the service that Pub/Sub calls."""
    part: str
    """The part that the service calls; `push` for deliveries to it."""
    record: ChaosLog
    draw: random.Random
    target: int = 0
    port: int = 0
    profile: FaultProfile = NO_FAULTS

    def draw_fault(self) -> CallFault | None:
        """Draw the fault of the next call, and record it."""
        if self.draw.random() >= self.profile.share:
            return None
        fault = self.draw.choice(self.profile.kinds)
        self.record.counts[f"{self.part}: {fault}"] += 1
        if fault is not CallFault.DELAY:
            self.record_fault(fault)
        return fault

    def record_fault(self, fault: CallFault) -> None:
        """Record a fault of the service now."""
        self.record.add("fault", self.service, what=f"{self.part}: {fault}")

    async def delay(self) -> None:
        """Wait for a drawn delay."""
        await asyncio.sleep(self.draw.uniform(0, self.profile.max_delay))

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """Handle one connection until either end breaks it."""
        upstream: Writer | None = None
        try:
            upstream_reader, upstream = await asyncio.open_connection(HOST, self.target, limit=HEAD_LIMIT)
            if self.part != "pubsub":  # Pub/Sub uses gRPC
                while await self._exchange(reader, writer, upstream_reader, upstream):
                    pass
            else:
                await self._relay(reader, writer, upstream_reader, upstream)
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            for end in (writer, upstream):
                if end is not None:
                    end.transport.abort()

    async def _exchange(
        self, reader: Reader, writer: Writer, upstream_reader: Reader, upstream: Writer
    ) -> bool:
        """Forward one request and its response. Return whether the connection can be reused."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await read_body(reader, head)
        fault = self.draw_fault()
        if fault is CallFault.DELAY:
            await self.delay()
        if fault is CallFault.CUT:
            return False
        if fault is CallFault.HANG:
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await reader.read()  # until the caller's timeout closes the connection
            self.record_fault(fault)
            return False
        if fault in (CallFault.BUSY, CallFault.LIMITED):
            writer.write(refusal(int(fault)))
            await writer.drain()
            await asyncio.sleep(0.01)
            return False
        upstream.write(head + body)
        await upstream.drain()
        answer = await upstream_reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        bodiless = head.startswith(b"HEAD ") or status in (204, 304)
        content = b"" if bodiless else await read_body(upstream_reader, answer, to_end=True)
        if self.part == "push" and status >= 400:
            self.record.add(
                "nack", self.service, error=f"HTTP {status}: {content[-200:]!r}", unforeseen=status == 500
            )
        if fault in (CallFault.LOST, CallFault.HALF):
            # Record it once more: the call was made after the first record, and a retry comes after this one.
            self.record_fault(fault)
        if fault is CallFault.LOST:
            return False
        if fault is CallFault.HALF:
            whole = answer + content
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            await asyncio.sleep(0.01)  # let the written part be sent before the connection breaks
            return False
        writer.write(answer + content)
        await writer.drain()
        return b"connection: close" not in answer.lower() + head.lower()

    async def _relay(self, reader: Reader, writer: Writer, upstream_reader: Reader, upstream: Writer) -> None:
        """Forward chunks of a protocol that the proxy does not parse, here HTTP/2, until a drawn end."""

        async def forward(source: Reader, sink: Writer, with_faults: bool) -> None:
            while piece := await source.read(65_536):
                fault = self.draw_fault() if with_faults else None
                if fault is CallFault.DELAY:
                    await self.delay()
                elif fault is CallFault.HALF:
                    sink.write(piece[: len(piece) // 2])
                    await sink.drain()
                    return
                elif fault is not None:
                    return
                sink.write(piece)
                await sink.drain()

        relays = [
            asyncio.create_task(forward(reader, upstream, with_faults=True)),
            asyncio.create_task(forward(upstream_reader, writer, with_faults=False)),
        ]
        try:
            await asyncio.wait(relays, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for relay in relays:
                relay.cancel()
                with suppress(OSError, asyncio.CancelledError):
                    await relay


async def read_body(reader: Reader, head: bytes, *, to_end: bool = False) -> bytes:
    """Return the raw body that a head announces; to_end: a body without a length ends with the connection."""
    lines = head.lower().split(b"\r\n")
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if length := fields.get(b"content-length"):
        return await reader.readexactly(int(length))
    if fields.get(b"transfer-encoding") == b"chunked":
        pieces: list[bytes] = []
        while True:
            size = await reader.readuntil(b"\r\n")
            piece = await reader.readexactly(int(size, 16) + 2)
            pieces += [size, piece]
            if piece == b"\r\n":
                return b"".join(pieces)
    return await reader.read() if to_end else b""


def refusal(status: int) -> bytes:
    """Return an error response like those of Google's front end."""
    body = f'{{"error": {{"code": {status}, "message": "chaos", "errors": [{{"reason": "backendError"}}]}}}}'
    return (
        f"HTTP/1.1 {status} Chaos\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"retry-after: 0\r\nconnection: close\r\n\r\n{body}"
    ).encode()


class Proxies:
    """All links, served by a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: list[FaultyLink] = []

    def open(self, link: FaultyLink) -> FaultyLink:
        """Listen for a link; assign it a free port."""
        link.port = self.serve(link.serve)
        self.links.append(link)
        return link

    def serve(self, handle: Callable[[Reader, Writer], Coroutine[Any, Any, None]]) -> int:
        """Listen with a given handler. Return the port."""

        async def handled(reader: Reader, writer: Writer) -> None:
            # asyncio itself drops a connection's task when its client disconnects.
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await handle(reader, writer)
            finally:
                self._tasks.discard(task)

        async def listen() -> int:
            server = await asyncio.start_server(handled, HOST, 0, limit=HEAD_LIMIT)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return asyncio.run_coroutine_threadsafe(listen(), self._loop).result(10)

    def set_profile(self, profile: FaultProfile, *parts: str) -> None:
        """Change the faults of all links, or of the links to some parts."""
        for link in self.links:
            if not parts or link.part in parts:
                link.profile = profile

    def close(self) -> None:
        """Close all connections and servers."""

        async def stop() -> None:
            for server in self._servers:
                server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.1)  # connections end in a later turn of the loop

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

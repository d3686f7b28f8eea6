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


class Harm(StrEnum):
    """The kinds of faults of a call."""

    DELAY = "delay"  # the call takes longer
    BUSY = "503"  # refused without effect
    LIMITED = "429"
    CUT = "cut"  # the connection breaks before the call arrives
    LOST = "lost answer"  # the call took effect, and its response is lost
    HALF = "half answer"  # the call took effect, and its response breaks off
    HANG = "no answer"  # no effect and no response until the caller's timeout


@dataclass(frozen=True)
class Weather:
    """The frequency and kinds of faults."""

    share: float = 0.0
    """The share of the calls that fail."""
    harms: tuple[Harm, ...] = tuple(Harm)
    longest: float = 0.5
    """The maximum delay in seconds."""


FAIR = Weather()


@dataclass
class FireLog:
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
class HarmedLink:
    """A connection from one service to one part of the cloud, or from Pub/Sub to one service."""

    service: str
    """The calling service, or the service that Pub/Sub calls."""
    part: str
    """The part that the service calls; `push` for deliveries to it."""
    record: FireLog
    draw: random.Random
    target: int = 0
    port: int = 0
    weather: Weather = FAIR

    def fate(self) -> Harm | None:
        """Draw the fault of the next call, and record it."""
        if self.draw.random() >= self.weather.share:
            return None
        harm = self.draw.choice(self.weather.harms)
        self.record.counts[f"{self.part}: {harm}"] += 1
        if harm is not Harm.DELAY:
            self.note(harm)
        return harm

    def note(self, harm: Harm) -> None:
        """Record a fault of the service now."""
        self.record.add("fault", self.service, what=f"{self.part}: {harm}")

    async def late(self) -> None:
        """Wait for a drawn delay."""
        await asyncio.sleep(self.draw.uniform(0, self.weather.longest))

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """Handle one connection until either end breaks it."""
        far: Writer | None = None
        try:
            far_reader, far = await asyncio.open_connection(HOST, self.target, limit=HEAD_LIMIT)
            if self.part != "pubsub":  # Pub/Sub uses gRPC
                while await self._exchange(reader, writer, far_reader, far):
                    pass
            else:
                await self._relay(reader, writer, far_reader, far)
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    async def _exchange(self, reader: Reader, writer: Writer, far_reader: Reader, far: Writer) -> bool:
        """Forward one request and its response. Return whether the connection can be reused."""
        head = await reader.readuntil(b"\r\n\r\n")
        body = await read_body(reader, head)
        harm = self.fate()
        if harm is Harm.DELAY:
            await self.late()
        if harm is Harm.CUT:
            return False
        if harm is Harm.HANG:
            with suppress(TimeoutError):
                async with asyncio.timeout(HANG_SECONDS):
                    await reader.read()  # until the caller's timeout closes the connection
            self.note(harm)
            return False
        if harm in (Harm.BUSY, Harm.LIMITED):
            writer.write(refusal(int(harm)))
            await writer.drain()
            await asyncio.sleep(0.01)
            return False
        far.write(head + body)
        await far.drain()
        answer = await far_reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        bare = head.startswith(b"HEAD ") or status in (204, 304)
        content = b"" if bare else await read_body(far_reader, answer, to_end=True)
        if self.part == "push" and status >= 400:
            self.record.add(
                "nack", self.service, error=f"HTTP {status}: {content[-200:]!r}", unforeseen=status == 500
            )
        if harm in (Harm.LOST, Harm.HALF):
            # Record it once more: the call was made after the first record, and a retry comes after this one.
            self.note(harm)
        if harm is Harm.LOST:
            return False
        if harm is Harm.HALF:
            whole = answer + content
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            await asyncio.sleep(0.01)  # let the written part be sent before the connection breaks
            return False
        writer.write(answer + content)
        await writer.drain()
        return b"connection: close" not in answer.lower() + head.lower()

    async def _relay(self, reader: Reader, writer: Writer, far_reader: Reader, far: Writer) -> None:
        """Forward chunks of a protocol that the proxy does not parse, here HTTP/2, until a drawn end."""

        async def pass_on(source: Reader, sink: Writer, harmed: bool) -> None:
            while piece := await source.read(65_536):
                harm = self.fate() if harmed else None
                if harm is Harm.DELAY:
                    await self.late()
                elif harm is Harm.HALF:
                    sink.write(piece[: len(piece) // 2])
                    await sink.drain()
                    return
                elif harm is not None:
                    return
                sink.write(piece)
                await sink.drain()

        ways = [
            asyncio.create_task(pass_on(reader, far, harmed=True)),
            asyncio.create_task(pass_on(far_reader, writer, harmed=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
                with suppress(OSError, asyncio.CancelledError):
                    await way


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
    told = f'{{"error": {{"code": {status}, "message": "chaos", "errors": [{{"reason": "backendError"}}]}}}}'
    return (
        f"HTTP/1.1 {status} Chaos\r\ncontent-type: application/json\r\ncontent-length: {len(told)}\r\n"
        f"retry-after: 0\r\nconnection: close\r\n\r\n{told}"
    ).encode()


class Proxies:
    """All links, served by a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: list[HarmedLink] = []

    def open(self, link: HarmedLink) -> HarmedLink:
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

    def weather(self, weather: Weather, *parts: str) -> None:
        """Change the weather of all links, or of the links to some parts."""
        for link in self.links:
            if not parts or link.part in parts:
                link.weather = weather

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

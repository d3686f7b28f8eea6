"""A TCP proxy that makes calls go wrong, by request where it speaks HTTP and by the piece where it does not.

It stands between the services and everything that they talk to. What befalls a call is drawn from a seed, and written
into the event log under the name of the service that the call was of: that is what the checker goes by. The proxy runs
in a thread of its own with an event loop of its own, so that a test may block.
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
"""Longer than any caller waits."""
Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter


class Harm(StrEnum):
    """What befalls a call."""

    DELAY = "delay"  # it takes longer
    BUSY = "503"  # refused, and nothing was done
    LIMITED = "429"
    CUT = "cut"  # the connection breaks before the call arrives
    LOST = "lost answer"  # it was done, and nobody hears of it
    HALF = "half answer"  # it was done, and the answer breaks off
    HANG = "no answer"  # nothing was done, and nothing is said until the caller gives up


@dataclass(frozen=True)
class Weather:
    """How much goes wrong."""

    share: float = 0.0
    """The share of the calls that are harmed."""
    harms: tuple[Harm, ...] = tuple(Harm)
    longest: float = 0.5
    """The most seconds of a delay."""


FAIR = Weather()


@dataclass
class FireLog:
    """The event log of real processes; `at` is in seconds since the test began."""

    log: EventLog = field(default_factory=EventLog)
    began: float = field(default_factory=time.time)
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, by: str, *, at: float | None = None, **facts: Any) -> None:
        """Write an entry down; now, unless it was at another instant, in seconds since 1970."""
        with self._lock:
            self.log.add((time.time() if at is None else at) - self.began, kind, by, **facts)


@dataclass(eq=False)
class HarmedLink:
    """The way of one service to one part of the cloud, or of Pub/Sub to one service."""

    service: str
    """Whose calls these are, or who answers them."""
    part: str
    """What it calls; push for deliveries to it."""
    record: FireLog
    draw: random.Random
    target: int = 0
    port: int = 0
    weather: Weather = FAIR

    def fate(self) -> Harm | None:
        """Draw what befalls the next call, and write it down."""
        if self.draw.random() >= self.weather.share:
            return None
        harm = self.draw.choice(self.weather.harms)
        self.record.counts[f"{self.part}: {harm}"] += 1
        if harm is not Harm.DELAY:
            self.note(harm)
        return harm

    def note(self, harm: Harm) -> None:
        """Write down what befalls the service now."""
        self.record.add("fault", self.service, what=f"{self.part}: {harm}")

    async def late(self) -> None:
        """Wait as long as the weather has a call wait."""
        await asyncio.sleep(self.draw.uniform(0, self.weather.longest))

    async def serve(self, reader: Reader, writer: Writer) -> None:
        """Handle one connection until either end breaks it."""
        far: Writer | None = None
        try:
            far_reader, far = await asyncio.open_connection(HOST, self.target, limit=HEAD_LIMIT)
            if self.part != "pubsub":  # which is gRPC
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
        """Pass on one request and its answer. Return whether the connection can be used for another."""
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
                    await reader.read()  # until the caller's time-out closes the connection
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
            # Once more: the call was made after the first time, and what is done again comes after this one.
            self.note(harm)
        if harm is Harm.LOST:
            return False
        if harm is Harm.HALF:
            whole = answer + content
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            await asyncio.sleep(0.01)  # what is written gets out before the connection breaks
            return False
        writer.write(answer + content)
        await writer.drain()
        return b"connection: close" not in answer.lower() + head.lower()

    async def _relay(self, reader: Reader, writer: Writer, far_reader: Reader, far: Writer) -> None:
        """Pass on pieces of a protocol that is not looked into, here HTTP/2, until a drawn end."""

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
    """Return the raw body that a head announces; to_end: one without a length ends with the connection."""
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
    """Return an answer as Google's front end gives it."""
    told = f'{{"error": {{"code": {status}, "message": "chaos", "errors": [{{"reason": "backendError"}}]}}}}'
    return (
        f"HTTP/1.1 {status} Chaos\r\ncontent-type: application/json\r\ncontent-length: {len(told)}\r\n"
        f"retry-after: 0\r\nconnection: close\r\n\r\n{told}"
    ).encode()


class Proxies:
    """All links, served by one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: list[HarmedLink] = []

    def open(self, link: HarmedLink) -> HarmedLink:
        """Listen for a link; its port is free until then."""
        link.port = self.serve(link.serve)
        self.links.append(link)
        return link

    def serve(self, handle: Callable[[Reader, Writer], Coroutine[Any, Any, None]]) -> int:
        """Listen with a handler of one's own. Return the port."""

        async def handled(reader: Reader, writer: Writer) -> None:
            # asyncio itself lets go of a connection's task when its client leaves.
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
        """Change the weather of all links, or of those to some parts."""
        for link in self.links:
            if not parts or link.part in parts:
                link.weather = weather

    def close(self) -> None:
        """Break everything off."""

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

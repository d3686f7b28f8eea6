"""An HTTP endpoint in its own process that answers at once, so that its work is not measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

HOST = "127.0.0.1"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SPAWN = get_context("spawn")
Receipt = tuple[float, bytes]
"""Arrival of a request, by the machine's clock, and its body."""


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint that accepts every request."""

    url: str
    """The address it listens on, without a path."""
    _pipe: Connection

    def count(self) -> int:
        """Return the number of requests since the last `take`."""
        return int(self._ask("count"))

    def take(self) -> list[Receipt]:
        """Return the requests since the last `take`, and forget them."""
        return list(self._ask("take"))

    def _ask(self, question: str) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


@contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """Serve an endpoint for the length of a block."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_run, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Endpoint(f"http://{HOST}:{ours.recv()}", ours)
    finally:
        process.terminate()
        process.join()


def _run(pipe: Connection) -> None:
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    receipts: list[Receipt] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                receipts.append((time.time(), body))
                writer.write(REPLY)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, HOST, 0, backlog=512)
    pipe.send(server.sockets[0].getsockname()[1])
    while question := await asyncio.to_thread(pipe.recv):
        pipe.send(len(receipts) if question == "count" else receipts)
        if question == "take":
            receipts.clear()

"""Tests of the push client against a scripted server: reuse, stale connections, every way of not answering."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from gcp_emulators.pubsub.push_client import PushClient, PushError
from gcp_emulators.testing import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """A server that answers the requests of each connection with the given bytes and closes it after the last."""

    def __init__(self, *connections: list[bytes]) -> None:
        self._connections = list(connections)
        self.opened = 0
        self.requests: list[bytes] = []
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = self._connections[self.opened]
        self.opened += 1
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            writer.write(answer)
        writer.close()
        await writer.wait_closed()
        self.closed.set()


def run(script: Script, use: Callable[[PushClient, str], Coroutine[None, None, None]]) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(script, "127.0.0.1", 0)
        client = PushClient()
        try:
            port = server.sockets[0].getsockname()[1]
            await use(client, f"http://127.0.0.1:{port}/path?x=1")
        finally:
            await client.close()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0)

    asyncio.run(serve())


def test_a_connection_is_reused() -> None:
    script = Script([OK, b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", OK])

    async def use(client: PushClient, url: str) -> None:
        assert [await client.post(url, b"body", 5) for _ in range(3)] == [200, 503, 200]

    run(script, use)
    assert script.opened == 1
    assert script.requests[0].startswith(b"POST /path?x=1 HTTP/1.1\r\n")
    assert script.requests[0].endswith(b"\r\n\r\nbody")


def test_an_idle_connection_the_server_closed_is_replaced() -> None:
    script = Script([OK], [OK])

    async def use(client: PushClient, url: str) -> None:
        assert await client.post(url, b"1", 5) == 200
        await script.closed.wait()
        assert await client.post(url, b"2", 5) == 200

    run(script, use)
    assert script.opened == 2


def test_requests_at_once_use_connections_of_their_own() -> None:
    script = Script([OK], [OK], [OK])

    async def use(client: PushClient, url: str) -> None:
        assert await asyncio.gather(*(client.post(url, b"x", 5) for _ in range(3))) == [200] * 3

    run(script, use)
    assert script.opened == 3


def test_an_interim_102_is_the_answer_and_ends_the_connection() -> None:
    script = Script([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"], [OK])

    async def use(client: PushClient, url: str) -> None:
        assert await client.post(url, b"x", 5) == 102
        assert await client.post(url, b"x", 5) == 200

    run(script, use)
    assert script.opened == 2


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-OpenSSH\r\n\r\n"])
def test_invalid_response_is_an_error(answer: bytes) -> None:
    async def use(client: PushClient, url: str) -> None:
        with pytest.raises(PushError):
            await client.post(url, b"x", 5)

    run(Script([answer]), use)


def test_an_answer_that_does_not_come_in_time_is_an_error() -> None:
    gone = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def use() -> None:
        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(PushError, match=r"no answer within 0\.05 s"):
            await PushClient().post(f"http://127.0.0.1:{port}/", b"x", 0.05)
        await gone.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(use())


def test_refused_connection_is_an_error() -> None:
    with pytest.raises(PushError, match="ConnectionRefusedError"):
        asyncio.run(PushClient().post(f"http://127.0.0.1:{free_port()}/", b"x", 5))

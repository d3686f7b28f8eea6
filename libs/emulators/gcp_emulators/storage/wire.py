"""HTTP/1.1 as far as clients of Cloud Storage use it: one connection is a protocol on the event loop.

One thread reads, carries out and answers, so requests need no lock against each other; threads cost more here than the
requests themselves. http.server parses headers as e-mail and hands each connection to a thread: 0.7 ms of CPU for a
small upload against 0.2 ms here.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

_log = logging.getLogger(__name__)

_HEAD_BYTES = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Headers(dict[str, str]):
    """Headers by name in lower case; `get` takes any case."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return a header's value, or `default`."""
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request that has arrived whole."""

    method: str
    target: str
    """Path and query, as they came."""
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer; Content-Length, Date and Connection are added to its headers."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes


Serve = Callable[[HttpRequest], HttpResponse]


class _Malformed(Exception):
    """What came is not HTTP; the connection cannot be used any further."""


class HttpConnection(asyncio.Protocol):
    """Reads requests, one after the other, and writes what `serve` answers."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._head: tuple[str, str, Headers] | None = None
        self._chunks = bytearray()
        """The content of a chunked body that has come so far."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a connection (asyncio.Protocol)."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101  # uvloop's own
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # a client that went away is no fault
        """End a connection (asyncio.Protocol)."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and answer the requests that are whole (asyncio.Protocol)."""
        self._received += data
        try:
            while self._transport is not None and (request := self._next_request()) is not None:
                self._answer(request)
        except _Malformed as error:
            self._write(HttpResponse(HTTPStatus.BAD_REQUEST, {}, str(error).encode()), keep=False)

    def _answer(self, request: HttpRequest) -> None:
        try:
            response = self._serve(request)
        except Exception as error:  # noqa: BLE001  # whatever it is becomes the answer
            _log.exception("%s %s", request.method, request.target)
            response = HttpResponse(HTTPStatus.INTERNAL_SERVER_ERROR, {}, str(error).encode())
        self._write(response, keep=(request.headers.get("connection") or "").lower() != "close")

    def _write(self, response: HttpResponse, *, keep: bool) -> None:
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Date: {formatdate(usegmt=True)}", f"Content-Length: {len(response.body)}"]
        lines += [] if keep else ["Connection: close"]
        # Head and body leave together: two packets would wait for each other's acknowledgement.
        self._transport.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + response.body)
        if not keep:
            self._transport.close()
            self._transport = None

    def _next_request(self) -> HttpRequest | None:
        """Take the next request off what has come; None until it is whole. Raises _Malformed."""
        if self._head is None:
            self._head = self._read_head()
            if self._head is None:
                return None
        method, target, headers = self._head
        body = self._read_chunked() if _is_chunked(headers) else self._read_sized(headers)
        if body is None:
            return None
        self._head = None
        return HttpRequest(method, target, headers, body)

    def _read_head(self) -> tuple[str, str, Headers] | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _HEAD_BYTES:
                raise _Malformed(f"a head of more than {_HEAD_BYTES} bytes")
            return None
        first, *lines = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _Malformed(f"no request line: {first[:80]!r}")
        headers = Headers()
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise _Malformed(f"no header: {line[:80]!r}")
            headers[name.strip().lower()] = value.strip()
        if (headers.get("expect") or "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(_CONTINUE)  # the client waits for it before it sends the body
        return words[0], words[1], headers

    def _read_sized(self, headers: Headers) -> bytes | None:
        stated = headers.get("content-length") or "0"
        if not stated.isdecimal():
            raise _Malformed(f"Content-Length: {stated[:80]}")
        size = int(stated)
        if len(self._received) < size:
            return None
        body = bytes(self._received[:size])
        del self._received[:size]
        return body

    def _read_chunked(self) -> bytes | None:
        while (end := self._received.find(b"\r\n")) >= 0:
            stated = bytes(self._received[:end]).partition(b";")[0].strip()
            try:
                size = int(stated, 16)
            except ValueError as error:
                raise _Malformed(f"no size of a chunk: {stated[:80]!r}") from error
            whole = end + 2 + size + 2
            if len(self._received) < whole:
                return None
            self._chunks += self._received[end + 2 : whole - 2]
            del self._received[:whole]
            if size == 0:  # no client of Cloud Storage sends trailers after it
                body = bytes(self._chunks)
                self._chunks.clear()
                return body
        return None


def _is_chunked(headers: Headers) -> bool:
    return (headers.get("transfer-encoding") or "").lower() == "chunked"

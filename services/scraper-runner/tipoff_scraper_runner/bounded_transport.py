"""An HTTP transport with one deadline: no wait on the network outlasts the time left for the scrape.

httpx bounds each read separately, so a server that sends a byte now and then, even within its headers, never times out.
This transport limits every wait to the remaining time, except name resolution, for which the system has no timeout.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import httpcore
import httpx

CONNECT_SECONDS = 10.0
"""A host that takes longer to accept a connection is down. The bound applies to each of its addresses, within the
remaining time."""

Remaining = Callable[[], float]


def bounded_transport(remaining: Remaining, proxy_url: str | None = None) -> httpx.HTTPTransport:
    """Build a transport that speaks HTTP/2 where the host offers it.

    remaining: returns the seconds left; at zero every wait fails.
    """
    transport = httpx.HTTPTransport(verify=_tls(), http2=True, proxy=proxy_url)
    # httpcore accepts a network backend, but httpx has no parameter for it.
    transport._pool._network_backend = _Backend(remaining)
    return transport


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Load the certificate authorities once per process; loading them takes longer than most requests."""
    return httpx.create_ssl_context()


def _within(remaining: Remaining, timeout: float | None, late: type[Exception]) -> float:
    """Return the timeout of one wait: `timeout`, limited to the remaining time. Raises `late` when none remains."""
    seconds = remaining()
    # Raised here, since a timeout of zero or less means "no timeout" or an
    # error, depending on the layer below.
    if seconds <= 0:
        raise late("the scrape's time limit has passed")
    return seconds if timeout is None else min(timeout, seconds)


class _Backend(httpcore.NetworkBackend):
    """Opens connections whose every wait is bounded."""

    def __init__(self, remaining: Remaining) -> None:
        self._remaining, self._network = remaining, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        error: Exception = httpcore.ConnectError(f"{host} has no address")
        # Try the addresses one by one: the layer below would give each of them the time that was left before the first.
        for address in _addresses(host, port):
            # A host that is down has to leave time for another try.
            within = min(_within(self._remaining, timeout, httpcore.ConnectTimeout), CONNECT_SECONDS)
            try:
                stream = self._network.connect_tcp(address, port, within, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
            else:
                return _Stream(stream, self._remaining)
        raise error


def _addresses(host: str, port: int) -> list[str]:
    """Resolve a host to its addresses, in the system's order. Raises httpcore.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait is bounded, also beneath TLS."""

    def __init__(self, stream: httpcore.NetworkStream, remaining: Remaining) -> None:
        self._stream, self._remaining = stream, remaining

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(self._remaining, timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(self._remaining, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = _within(self._remaining, timeout, httpcore.ConnectTimeout)
        # Wrap the new stream that TLS returns; it would have no bound otherwise.
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, within), self._remaining)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

"""A transport that ends with the scrape: no wait on the network outlasts the time that is left.

httpx bounds each read by itself, so a server that sends a byte now and then is never too slow for it, not even in its
headers. Here every wait is given no more than what is left of the whole, but for the resolution of a name, to which the
system gives no timeout.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import httpcore
import httpx

CONNECT_SECONDS = 10.0
"""A host that takes longer to accept a connection is down; each address of it may take so long, within what is left."""

Remaining = Callable[[], float]


def bounded_transport(remaining: Remaining, proxy_url: str | None = None) -> httpx.HTTPTransport:
    """Build a transport that speaks HTTP/2 where the host offers it.

    remaining: gives the seconds left; once there are none, every wait ends.
    """
    transport = httpx.HTTPTransport(verify=_tls(), http2=True, proxy=proxy_url)
    # httpcore takes a network backend, but httpx has no parameter to hand one on.
    transport._pool._network_backend = _Backend(remaining)
    return transport


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Load the certificate authorities once a process; it takes longer than most requests."""
    return httpx.create_ssl_context()


def _within(remaining: Remaining, timeout: float | None, late: type[Exception]) -> float:
    """Return how long one wait may take: what was asked for, and no more than is left. Raises `late`."""
    left = remaining()
    # Raised here, since a timeout of zero or less means "no timeout" or an
    # error, depending on the layer below.
    if left <= 0:
        raise late("the time of the scrape is over")
    return left if timeout is None else min(timeout, left)


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
        # One by one: left to the layer below, each address would be given the time that was left before the first.
        for address in _addresses(host, port):
            # A host that is down must leave time for another try.
            within = min(_within(self._remaining, timeout, httpcore.ConnectTimeout), CONNECT_SECONDS)
            try:
                stream = self._network.connect_tcp(address, port, within, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
            else:
                return _Stream(stream, self._remaining)
        raise error


def _addresses(host: str, port: int) -> list[str]:
    """Resolve a host, as the system orders its addresses. Raises httpcore.ConnectError."""
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
        # Wrapped again: TLS gives a new stream, which would otherwise be the only one without a bound.
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, within), self._remaining)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

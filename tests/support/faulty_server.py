"""A real HTTP server on a real socket; a test decides its every byte and pause."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class FaultyServer:
    """A server whose responses a test writes."""

    answer: Callable[["FaultyServer", socket.socket], None]
    tls: ssl.SSLContext | None = None
    requests: list[str] = field(default_factory=list)
    """The request lines and headers of each request so far."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, for answers that wait."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def drip(self, connection: socket.socket, start: bytes, *, pause: float = 0.1) -> None:
        """Send `start`, and then a byte at a time until the client closes the connection."""
        connection.sendall(start)
        while not self.stopping.wait(pause):
            connection.sendall(b"a")

    def serve(self, listener: socket.socket) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                thread = threading.Thread(target=self._serve_one, args=(connection,))
                thread.start()
                threads.append(thread)
        for thread in threads:
            thread.join()

    def _serve_one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if self.tls is not None:
                with self.tls.wrap_socket(connection, server_side=True) as encrypted:
                    self.answer(self, encrypted)
                return
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(4096)
                if not received:
                    return
                head += received
            self.requests.append(head.decode())
            self.answer(self, connection)


Answer = Callable[[FaultyServer, socket.socket], None]


def in_turn(*answers: bytes) -> Answer:
    """Answer each request with the next response; the last is repeated."""

    def answer(server: FaultyServer, connection: socket.socket) -> None:
        connection.sendall(answers[min(len(server.requests), len(answers)) - 1])

    return answer


@contextlib.contextmanager
def faulty_server(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[FaultyServer]:
    """Serve until the block ends; every connection in its own thread, all joined at the end."""
    server = FaultyServer(answer, tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        acceptor = threading.Thread(target=server.serve, args=(listener,))
        acceptor.start()
        try:
            yield server
        finally:
            server.stopping.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a complete response, after which the connection is closed."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Reset the connection, as a firewall does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

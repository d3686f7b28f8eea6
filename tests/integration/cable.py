"""A proxy between a service and a server of the embedded cloud, whose connections a test can cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tipoff_dev.stack.layout import HOST


class Cable:
    """A TCP proxy to a server, which can cut its connections. received: bytes that came from the server so far."""

    def __init__(self, port: int) -> None:
        self.received = 0
        self._target = port
        self._ends: set[socket.socket] = set()
        self._whole = True
        self._listener = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Close all connections and refuse new ones for the length of a block; data in flight is lost."""
        self._whole = False
        for end in list(self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        try:
            yield
        finally:
            self._whole = True

    def close(self) -> None:
        with self.cut():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection((HOST, self._target))
                threading.Thread(target=self._forward, args=(near, far), daemon=True).start()
                threading.Thread(target=self._forward, args=(far, near, True), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counted: bool = False) -> None:
        self._ends.add(source)
        with suppress(OSError):
            while data := source.recv(65_536):
                self.received += len(data) if counted else 0
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.discard(source)
        source.close()

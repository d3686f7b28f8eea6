"""Tests of truncated Cloud Storage responses: no position yields another response or a raw error.

A connection that ends within the head looks like a response without its last fields, such as the length.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tipoff_common.adapters import storage
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.ports import Unavailable

HOST = "127.0.0.1"
LISTED = (
    b'{"items": [{"name": "a", "size": "4", "updated": "2025-01-15T17:00:00Z", "metadata": {"k": "v"},'
    b' "generation": "1"}]}'
)
CALLS: dict[str, tuple[Callable[[GcsObjects], object], bytes, object]] = {
    "get": (lambda objects: objects.get("a"), b"body", b"body"),
    "list": (lambda objects: [info.name for info in objects.list("a")], LISTED, ["a"]),
    "annotate": (
        lambda objects: objects.annotate("a", {"k": "v"}),
        b'{"metadata": {"k": "v"}}',
        {"k": "v"},
    ),
    "create": (lambda objects: objects.create("a", b"x"), b'{"generation": "7"}', True),
}


def answer(body: bytes) -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\nX-Goog-Generation: 7\r\nContent-Type: application/json\r\nX-Goog-Metageneration: 1\r\n"
        b"Content-Length: %d\r\nX-Last: 1\r\n\r\n" % len(body)
    )
    return head + body


@contextmanager
def answering(sent: list[bytes]) -> Iterator[str]:
    """Serve the last item of `sent` for every request and close the connection."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(sent[-1])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("name", CALLS)
def test_truncated_response_is_unavailable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_RETRY_SECONDS", 0.001)
    call, body, expected = CALLS[name]
    whole = answer(body)
    sent = [whole]
    with answering(sent) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        objects = GcsObjects(storage_client("p", url), "b")
        assert call(objects) == expected
        for length in range(len(whole)):
            sent.append(whole[:length])
            with pytest.raises(Unavailable):
                call(objects)

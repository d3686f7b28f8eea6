"""Tests of the check that Cloud Run refuses unauthenticated callers, against a fake front end."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tipoff_common import cloud_run
from tipoff_common.cloud_run import InvokerCheck
from tipoff_common.ports import Unavailable


class Front(HTTPServer):
    """A server that answers every call with one status and records the calls."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 403
        self.requests: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:  # the base class's name
        self.server.requests.append((self.path, self.headers.get("Authorization")))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/signin")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def front() -> Iterator[Front]:
    with Front() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_invoker_check_passes_when_anonymous_call_is_refused(front: Front, status: int) -> None:
    front.status = status
    InvokerCheck(front.url)()
    assert front.requests == [("/health", None)]


@pytest.mark.parametrize("status", [200, 204, 302, 500, 503])
def test_invoker_check_fails_when_anonymous_call_is_not_refused(front: Front, status: int) -> None:
    front.status = status
    with pytest.raises(Unavailable, match="accepted a call without a token") as error:
        InvokerCheck(f"{front.url}/")()
    assert "TIPOFF_CLOUD_RUN_CHECKS_SIGNATURES" in str(error.value)


def test_invoker_check_fails_when_address_is_unreachable() -> None:
    with pytest.raises(Unavailable, match="cannot determine"):
        InvokerCheck("http://127.0.0.1:9")()


def test_invoker_check_result_is_cached(front: Front) -> None:
    check = InvokerCheck(front.url)
    assert not check.is_cached()
    for _ in range(3):
        check()
        assert check.is_cached()
    assert len(front.requests) == 1


def test_invoker_check_is_repeated_after_cache_expiry(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(cloud_run.time, "monotonic", lambda: now)
    check = InvokerCheck(front.url)
    check()
    front.status = 200
    check()
    now += 601
    assert not check.is_cached()
    for _ in range(2):
        with pytest.raises(Unavailable):
            check()
    assert len(front.requests) == 2
    front.status, now = 403, now + 11
    check()

"""Tests of a source's faults: each ends in time, as the right kind, with a message about the observed fault."""

import gzip
import math
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_fixed

from tests.support.faulty_server import Answer, FaultyServer, faulty_server, in_turn, reply, reset
from tests.support.samples import NOON
from tests.support.scrapers import spec
from tipoff_common.clock import EASTERN
from tipoff_common.outcomes import FailureKind
from tipoff_scraper_runner import http as http_module
from tipoff_scraper_runner.errors import (
    Blocked,
    HttpFailure,
    RetryAfter,
    ScrapeFailure,
    TimedOut,
    TooLarge,
    Undecodable,
)
from tipoff_scraper_runner.http import HttpxHttp, _retry_after
from tipoff_scraper_runner.rate_limit import Pacer

GZIPPED = "Content-Encoding: gzip"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"


@pytest.fixture(autouse=True)
def short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_BACK_OFF", wait_fixed(0.01))


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the waits between tries instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    return waits


@contextmanager
def asking(
    answer: Answer, pacer: Pacer | None = None, **fields: Any
) -> Iterator[tuple[HttpxHttp, FaultyServer]]:
    with faulty_server(answer) as server, HttpxHttp(spec(**fields), NOON, pacer or Pacer()) as http:
        yield http, server


def fails(
    kind: type[ScrapeFailure] | tuple[type[ScrapeFailure], ...], match: str, answer: Answer, **fields: Any
) -> tuple[int, int]:
    """Make one call that fails with this kind; return the numbers of requests and of counted retries."""
    with asking(answer, **fields) as (http, server), pytest.raises(kind, match=match):
        http.get(f"{server.url}/data")
    return len(server.requests), http.retries


def hang(server: FaultyServer, _connection: socket.socket) -> None:
    server.stopping.wait()


def hang_in_body(server: FaultyServer, connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\nabc")
    server.stopping.wait()


def drip_headers(server: FaultyServer, connection: socket.socket) -> None:
    server.drip(connection, b"HTTP/1.1 200 OK\r\nX-Long: ")


def drip_body(server: FaultyServer, connection: socket.socket) -> None:
    server.drip(connection, HEAD + b"\r\n")


def drip_gzip(server: FaultyServer, connection: socket.socket) -> None:
    """Send a gzip header with an endless file name, so that no decodable data ever arrives."""
    server.drip(connection, HEAD + GZIPPED.encode() + b"\r\n\r\n" + b"\x1f\x8b\x08\x08" + bytes(6))


UNANSWERED = "/slow did not answer within 1 s"
UNFINISHED = "/slow answered 200 but did not send its whole body within 1 s|sample did not finish within 1 s"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (hang, UNANSWERED),
        (drip_headers, UNANSWERED),
        (hang_in_body, UNFINISHED),
        (drip_body, UNFINISHED),
        (drip_gzip, UNFINISHED),
    ],
)
def test_hanging_or_dripping_server_times_out(answer: Answer, message: str) -> None:
    with asking(answer) as (http, server), pytest.raises(TimedOut, match=message):
        http.get(f"{server.url}/slow")  # these servers never finish on their own
    assert len(server.requests) == 1


def test_timeout_is_shared_by_successive_calls() -> None:
    def answer(_server: FaultyServer, connection: socket.socket) -> None:
        time.sleep(0.6)
        connection.sendall(reply("200 OK", b"late"))

    with asking(answer) as (http, server):
        assert http.get(f"{server.url}/first").body == b"late"
        with pytest.raises(TimedOut):
            http.get(f"{server.url}/second")


def test_429_waits_for_retry_after_seconds(slept: list[float]) -> None:
    with asking(
        in_turn(reply("429 Too Many Requests", b"", "Retry-After: 1"), reply("200 OK", b"data")),
        timeout_seconds=5,
    ) as (
        http,
        server,
    ):
        response = http.get(f"{server.url}/data")

    assert response.body == b"data"
    assert slept == [1.0]
    assert http.retries == 1


def test_retry_after_may_be_a_date(slept: list[float]) -> None:
    headers = ("Date: Wed, 15 Jan 2025 17:00:00 GMT", "Retry-After: Wed, 15 Jan 2025 17:00:01 GMT")
    with asking(in_turn(reply("503 Busy", b"", *headers), reply("200 OK", b"data")), timeout_seconds=5) as (
        http,
        server,
    ):
        assert http.get(f"{server.url}/data").body == b"data"

    assert slept == [1.0]


@pytest.mark.parametrize(
    "stated",
    [
        "soon",
        "-5",
        "",
        "Wed, 15 Jan 2025 17:00:01 GMT",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "Mon, 01 Jan 2025 00:00:00 +99999999999",
    ],
)
def test_unusable_retry_after_falls_back_to_back_off(stated: str, slept: list[float]) -> None:
    with asking(in_turn(reply("429 Slow", b"", f"Retry-After: {stated}"), reply("200 OK"))) as (http, server):
        assert http.get(f"{server.url}/data").status == 200
    assert slept == [0.01]


_DATES = st.builds(
    "Mon, {} Jan {} {}:{}:00 {}".format,
    *[st.integers(0, 10**12) | st.text(max_size=3)] * 4,
    st.sampled_from(["GMT", "EST", ""]) | st.integers().map("{:+05d}".format),
)
_HEADERS = st.text(max_size=30) | st.from_regex(r"\A\d{1,400}\Z") | _DATES


@given(stated=_HEADERS, date=_HEADERS | st.just("Wed, 15 Jan 2025 17:00:00 GMT"))
def test_arbitrary_retry_after_gives_a_number_of_seconds(stated: str, date: str) -> None:
    seconds = _retry_after({"Retry-After": stated, "Date": date})

    assert isinstance(seconds, float)
    assert not math.isnan(seconds)


@pytest.mark.parametrize("stated", ["\u0663", "\u00b2"], ids=["an Arabic digit", "a superscript"])
def test_non_ascii_digits_in_retry_after_are_ignored(stated: str) -> None:
    assert _retry_after({"Retry-After": stated}) == 0.0


@pytest.mark.parametrize(
    ("stated", "believed"),
    [
        ("120", timedelta(seconds=120)),
        ("86400", timedelta(days=1)),
        ("9" * 400, timedelta(days=7)),
    ],
)
@pytest.mark.parametrize("attempts", [1, 3])
def test_retry_after_beyond_timeout_fails_and_pauses_the_host(
    stated: str, believed: timedelta, attempts: int
) -> None:
    """A source that asked for a day's pause got four requests in a minute."""
    answer = in_turn(reply("429 Too Many Requests", b"", f"Retry-After: {stated}"))
    with asking(answer, retry={"attempts": attempts}) as (http, server):
        with pytest.raises(RetryAfter, match="answered 429") as caught:
            http.get(f"{server.url}/data")
        assert (len(server.requests), http.retries) == (1, 0)
        with pytest.raises(RetryAfter, match="allows no requests before") as refused:
            http.get(f"{server.url}/other")
        until = refused.value.not_before
        assert until is not None
        assert str(refused.value).endswith(f" before {until.astimezone(EASTERN):%Y-%m-%d %H:%M %Z}")
        assert len(server.requests) == 1, "nothing is asked of the host before the pause ends"
    assert caught.value.kind is FailureKind.QUOTA
    assert not caught.value.kind.retried_at_once
    assert caught.value.not_before is not None
    assert caught.value.paused_host == server.url.removeprefix("http://"), "whoever asks the host waits"
    assert (
        believed <= caught.value.not_before - http.now < believed + timedelta(seconds=spec().timeout_seconds)
    )


def test_repeated_429_is_http_failure_with_counted_retries() -> None:
    counts = fails(
        HttpFailure,
        r"/data answered 429 \(3 tries\)",
        in_turn(reply("429 Too Many Requests")),
        retry={"attempts": 3},
    )

    assert counts == (3, 2)


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{other}/x",
        "//localhost:{other}/x",
        "http://u:p@127.0.0.1:{port}/x",
        "ftp://127.0.0.1/x",
    ],
)
def test_redirect_to_another_host_is_blocked_without_request(location: str) -> None:
    def answer(server: FaultyServer, connection: socket.socket) -> None:
        connection.sendall(
            reply("302 Found", b"", f"Location: {location.format(other=other.port, port=server.port)}")
        )

    with faulty_server(in_turn(reply("200 OK", b"stolen"))) as other:
        counts = fails(Blocked, r"redirects to another host, (localhost|127\.0\.0\.1)", answer)

    assert other.requests == []
    assert counts[0] == 1


def test_a_redirect_on_the_same_host_is_followed() -> None:
    moved = reply("301 Moved Permanently", b"", "Location: /new/place?page=2")
    with asking(in_turn(moved, reply("200 OK", b"data"))) as (http, server):
        response = http.get(f"{server.url}/old", query={"page": "1"})

    assert (response.url, response.body) == (f"{server.url}/new/place?page=2", b"data")
    assert [asked.split()[1] for asked in server.requests] == ["/old?page=1", "/new/place?page=2"]


def test_redirect_loop_is_http_failure() -> None:
    counts = fails(
        HttpFailure,
        "more than 5 redirects, the last to ",
        in_turn(reply("302 Found", b"", "Location: /again")),
    )

    assert counts[0] == 6


@pytest.mark.parametrize("location", ["http://[", "http://127.0.0.1:port/"])
def test_redirect_to_invalid_url_is_a_failure(location: str) -> None:
    fails(
        (HttpFailure, Blocked),
        "redirects to|Invalid URL in location header",
        in_turn(reply("302 Found", b"", f"Location: {location}")),
    )


@pytest.mark.parametrize(
    "body", [b"no gzip at all", gzip.compress(b"data" * 100, mtime=0)[:10] + b"\xff" * 50]
)
def test_corrupt_gzip_is_undecodable_and_not_retried(body: bytes) -> None:
    counts = fails(
        Undecodable,
        r"/data answered with a corrupt body in encoding gzip",
        in_turn(reply("200 OK", body, GZIPPED)),
    )

    assert counts[0] == 1


@pytest.mark.parametrize(
    ("body", "headers"), [(bytes(3000), ()), (gzip.compress(bytes(3000), mtime=0), (GZIPPED,))]
)
def test_body_over_size_limit_fails_even_when_compressed(
    monkeypatch: pytest.MonkeyPatch, body: bytes, headers: tuple[str, ...]
) -> None:
    monkeypatch.setattr(http_module, "MAX_BYTES", 2000)
    fails(HttpFailure, ": more than 2000 bytes in all responses", in_turn(reply("200 OK", body, *headers)))


def test_all_pages_of_a_scrape_share_one_size_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten pages, each within the limit, took 2.7 GiB in a service."""
    monkeypatch.setattr(http_module, "MAX_BYTES", 2000)
    with asking(in_turn(reply("200 OK", bytes(900)))) as (http, server):
        for page in range(2):
            assert len(http.get(f"{server.url}/{page}").body) == 900
        with pytest.raises(TooLarge, match="more than 2000 bytes in all responses of this scrape") as caught:
            http.get(f"{server.url}/2")
    assert not caught.value.kind.retried_at_once


@pytest.mark.parametrize(
    "encoding", ["gzip, gzip, gzip", "gzip,gzip", "deflate, gzip", "br", "zstd", "gzip, " * 50 + "gzip"]
)
def test_unsupported_or_stacked_content_encoding_is_undecodable(encoding: str) -> None:
    """286 bytes in three layers of gzip became 3.1 GiB."""
    bomb = bytes(10_000_000)
    for _ in range(3):
        bomb = gzip.compress(bomb, mtime=0)
    counts = fails(
        Undecodable,
        "answered in the unsupported encoding .*; gzip and deflate are supported",
        in_turn(reply("200 OK", bomb, f"Content-Encoding: {encoding}")),
    )
    assert counts == (1, 0)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity"])
def test_single_content_encoding_is_decoded(encoding: str) -> None:
    packed = gzip.compress(b"data", mtime=0) if encoding.lower() == "gzip" else b"data"
    answer = in_turn(reply("200 OK", packed, f"Content-Encoding: {encoding}"))
    with asking(answer) as (http, server):
        assert http.get(f"{server.url}/data").body == b"data"
    assert "accept-encoding: gzip, deflate\r\n" in server.requests[0].lower()


def test_reset_connection_is_retried_then_http_failure() -> None:
    counts = fails(
        HttpFailure, r"/data could not be reached: .* \(2 tries\)", lambda _, connection: reset(connection)
    )

    assert counts == (2, 1)


def test_connection_reset_once_is_retried_with_success() -> None:
    def answer(server: FaultyServer, connection: socket.socket) -> None:
        if len(server.requests) == 1:
            reset(connection)
        else:
            connection.sendall(reply("200 OK", b"data"))

    with asking(answer) as (http, server):
        assert http.get(f"{server.url}/data").body == b"data"
    assert http.retries == 1


def test_truncated_response_is_http_failure() -> None:
    fails(
        HttpFailure,
        "/data answered 200 and closed the connection within its body: ",
        in_turn(HEAD + b"\r\nabc"),
    )


def test_refused_connection_is_http_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        HttpxHttp(spec(), NOON, Pacer()) as http,
        pytest.raises(HttpFailure, match=r"could not be reached: .*refused"),
    ):
        http.get(f"http://127.0.0.1:{port}/data")


@contextmanager
def full_listener(address: str = "127.0.0.1", port: int = 0) -> Iterator[socket.socket]:
    """Listen with a queue that is full, so that the next connection is never accepted."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_never_completes_the_connection_is_an_http_failure(scheme: str, attempts: int) -> None:
    """In the last try the failure was reported as a source that asks for a pause."""
    # With https the kernel accepts the connection, and the TLS handshake gets no answer.
    with (
        full_listener() if scheme == "http" else socket.create_server(("127.0.0.1", 0)) as listener,
        HttpxHttp(spec(retry={"attempts": attempts}), NOON, Pacer()) as http,
        pytest.raises(HttpFailure, match="does not accept a connection") as raised,
    ):
        http.get(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/data")

    assert raised.value.kind is FailureKind.HTTP


class TestAddresses:
    """Hosts with several addresses."""

    @contextmanager
    def resolved(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Iterator[None]:
        """Give the host source.test these addresses."""
        resolve = socket.getaddrinfo

        def resolve_test(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
            if host != "source.test":
                return resolve(host, port, *arguments, **named)
            return [found for address in addresses for found in resolve(address, port, *arguments, **named)]

        with monkeypatch.context() as patching:
            patching.setattr(socket, "getaddrinfo", resolve_test)
            yield

    def test_unreachable_addresses_share_one_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A scrape of 3 s took 23 s with eight addresses."""
        addresses = [f"127.0.0.{number}" for number in range(1, 6)]
        with ExitStack() as stack:
            stack.enter_context(self.resolved(monkeypatch, *addresses))
            port = 0
            for address in addresses:
                listener = stack.enter_context(full_listener(address, port))
                port = listener.getsockname()[1]
            http = stack.enter_context(HttpxHttp(spec(), NOON, Pacer()))
            started = time.monotonic()
            with pytest.raises(HttpFailure, match="does not accept a connection"):
                http.get(f"http://source.test:{port}/data")
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("down", [["127.0.0.2"], ["127.0.0.2", "127.0.0.3"]])
    def test_next_address_is_tried_after_refused_connection(
        self, monkeypatch: pytest.MonkeyPatch, down: list[str]
    ) -> None:
        """The other addresses have no listener."""
        with (
            self.resolved(monkeypatch, *down, "127.0.0.1"),
            asking(in_turn(reply("200 OK", b"data"))) as (http, server),
        ):
            assert http.get(f"http://source.test:{server.port}/data").body == b"data"
        assert http.retries == 0

    def test_a_name_without_an_address_is_an_http_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with (
            self.resolved(monkeypatch),
            HttpxHttp(spec(), NOON, Pacer()) as http,
            pytest.raises(HttpFailure, match=r"could not be reached: source\.test has no address"),
        ):
            http.get("http://source.test/data")


@pytest.mark.parametrize("garbage", [b"\x00\xff\xfe garbage\r\n\r\n", b"220 mail.example ESMTP\r\n"])
def test_non_http_response_is_http_failure(garbage: bytes) -> None:
    fails(HttpFailure, "could not be reached", in_turn(garbage))


def test_rate_limit_slot_beyond_timeout_fails_at_once() -> None:
    pacer = Pacer()
    with asking(in_turn(reply("200 OK")), pacer, rate_limit={"per_second": 0.1}) as (http, server):
        http.get(f"{server.url}/first")
        with pytest.raises(
            TimedOut, match=r"0\.1 requests per second; no slot was free within the 1 s of sample"
        ):
            http.get(f"{server.url}/second")

    assert len(server.requests) == 1

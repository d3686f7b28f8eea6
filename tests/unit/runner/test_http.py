"""Tests of the HTTP client for scrapers; test_http_faults covers faults of a source."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.samples import NOON
from tests.support.scrapers import spec_data
from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner import http as http_module
from tipoff_scraper_runner.errors import HttpFailure, TimedOut
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.http import NO_FAKES, USER_AGENT, HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer

URL = "https://source.example/a/b.json?season=2025"
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)


def opened(
    handler: Handler, *, fakes: FakeSources = NO_FAKES, replaying: bool = False, pacer: Pacer | None = None
) -> HttpxHttp:
    return HttpxHttp(
        ScraperSpec.model_validate(spec_data("lines")),
        NOON,
        pacer or Pacer(sleep=lambda _seconds: None),
        fakes=fakes,
        replaying=replaying,
        transport=httpx.MockTransport(handler),
    )


def answers(*statuses: int) -> Handler:
    left = iter(statuses)
    return lambda _request: httpx.Response(next(left), text="body")


def test_response_is_returned_unchanged() -> None:
    with opened(lambda _request: httpx.Response(200, content=b"\x00\xff", headers={"etag": "7"})) as http:
        answer = http.get(URL)
    assert (answer.status, answer.url, answer.body, answer.headers["etag"]) == (200, URL, b"\x00\xff", "7")
    assert http.retries == 0


def test_expected_status_is_no_error() -> None:
    """The scraper itself distinguishes "not published" from "blocked".

    See "Blocked was read as not published" in docs/explanation/incidents.md.
    """
    with opened(answers(403)) as http:
        assert http.get(URL, expected=frozenset({403})).status == 403


@pytest.mark.parametrize("status", [400, 403, 404, 410, 501])
def test_unexpected_status_fails_without_retry(status: int) -> None:
    with opened(answers(status)) as http, pytest.raises(HttpFailure, match=f"answered {status}"):
        http.get(URL)
    assert http.retries == 0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_status_is_retried_and_counted(status: int) -> None:
    with opened(answers(status, status, 200)) as http:
        assert http.get(URL).status == 200
    assert http.retries == 2


def test_retries_end_with_the_configured_attempts() -> None:
    with opened(answers(503, 503, 503, 200)) as http, pytest.raises(HttpFailure, match=r"503 \(3 tries\)"):
        http.get(URL)
    assert http.retries == 2


def test_silent_source_times_out() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silence", request=request)

    with opened(silent) as http, pytest.raises(TimedOut, match="30 s"):
        http.get(URL)


def test_the_timeout_covers_all_calls_of_an_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten calls of 4 s exceed a timeout of 30 s."""
    seconds = iter(range(0, 1000, 4))
    monkeypatch.setattr(http_module.time, "monotonic", lambda: float(next(seconds)))
    with (
        opened(answers(*[200] * 10)) as http,
        pytest.raises(TimedOut, match="lines did not finish within 30 s"),
    ):
        for _ in range(10):
            http.get(URL)


def test_response_over_size_limit_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_BYTES", 10)
    with (
        opened(lambda _request: httpx.Response(200, content=b"x" * 11)) as http,
        pytest.raises(HttpFailure, match="more than 10 bytes"),
    ):
        http.get(URL)


def test_rate_limit_applies_to_calls_and_retries() -> None:
    """A burst was refused by the CDN (incident 29)."""
    slept: list[float] = []
    with opened(answers(503, 200, 200), pacer=Pacer(lambda: 0.0, slept.append)) as http:
        for _ in range(2):
            http.get(URL)
    assert slept == pytest.approx([0.1, 0.2])


FAKE = FakeSources({"source.example": "http://127.0.0.1:8087/"})


@pytest.mark.parametrize("replaying", [True, False])
def test_fake_source_receives_host_and_replay_instant(replaying: bool) -> None:
    seen: list[httpx.Request] = []

    def fake(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    with opened(fake, fakes=FAKE, replaying=replaying) as http:
        http.get(URL, headers={"Accept": "application/json"})
    (request,) = seen
    assert str(request.url) == "http://127.0.0.1:8087/source.example/a/b.json?season=2025"
    assert request.headers["Accept"] == "application/json"
    assert request.headers.get("X-Tipoff-Event-Time") == (NOON.isoformat() if replaying else None)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/a.json",
        "https://source.example.org/a.json",
        "http://localhost:9000/a.json",
        "http://127.0.0.2/a.json",
        "http://[::1]:81/a.json",
        "http://mine.localhost/a.json",
    ],
)
def test_host_without_fake_and_loopback_are_called_directly(url: str) -> None:
    """A fake's 404 for an unknown host would look like "not published yet" of a source that was never called."""
    seen: list[httpx.Request] = []

    def source(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    loopback = dict.fromkeys(("localhost", "127.0.0.2", "::1", "mine.localhost"), "http://127.0.0.1:8087")
    fakes = FakeSources({**FAKE.urls, **loopback})
    with opened(source, fakes=fakes, replaying=True) as http:
        assert http.get(url).url == url
    assert str(seen[0].url) == url
    assert "X-Tipoff-Event-Time" not in seen[0].headers


def test_response_url_marks_answer_of_fake() -> None:
    with opened(answers(200), fakes=FAKE) as http:
        assert http.get(URL).url == f"{URL} (via fake)"


def test_501_of_fake_fails_with_its_text_even_when_expected() -> None:
    def fake(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(501, text="the fake of source.example has nothing at /a")

    with (
        opened(fake, fakes=FAKE) as http,
        pytest.raises(HttpFailure, match=r"via fake.*: the fake of source.example has nothing at /a"),
    ):
        http.get(URL, expected=frozenset({404, 501}))


def test_real_source_receives_user_agent_and_no_replay_header() -> None:
    seen: list[httpx.Request] = []

    def source(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    with opened(source, replaying=True) as http:
        http.get(URL)
    assert str(seen[0].url) == URL
    assert seen[0].headers["User-Agent"] == USER_AGENT
    assert "X-Tipoff-Event-Time" not in seen[0].headers

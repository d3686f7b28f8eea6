"""Tests of redaction: the real scrapers behind the runner's routes, over sources that repeat the key wherever they can.
The key is in no log line, event, object or answer, neither whole nor in part."""

import io
import json
import logging
import re
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.faulty_server import FaultyServer, faulty_server, reply
from tests.support.pushes import AUTHORIZED, REPOSITORY, client, local_settings, pushed
from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import NOW
from tipoff_common.auth import Authentication
from tipoff_common.authenticated_routes import CallLimit, authenticated_router
from tipoff_common.binding import Envelope, encode
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import ScrapeRequested, Source
from tipoff_common.logs import configure_logs
from tipoff_common.publisher import Publisher
from tipoff_common.push import PushEndpoint
from tipoff_common.settings import SettingsError, load_settings
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_common.topics import load_topics
from tipoff_common.web import create_app
from tipoff_scraper_runner.app import routes
from tipoff_scraper_runner.bootstrap import Wiring
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.errors import HttpFailure, Misconfigured
from tipoff_scraper_runner.handlers import ACCEPTED
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import RequestMemory
from tipoff_scraper_runner.secret_redactor import SecretRedactor
from tipoff_scraper_runner.settings import RunnerSettings

REGISTRY = load_registry(SCRAPERS_DIR)
TOPICS = load_topics(REPOSITORY / "infra/topics.yaml")
PLANTED = "Zq7+Xw9/Kp2=Jv5&Rt8?Lm4"
PART = 6
"""Number of consecutive characters of a key that must not appear."""
SECRETS = {"ODDS_API_KEY": PLANTED, "BALLDONTLIE_API_KEY": PLANTED}

Handler = Callable[[httpx.Request], httpx.Response]
SPELT: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "in a path": quote,
    "in a query": lambda key: quote(key, safe=""),
    "in lower-case escapes": lambda key: re.sub("%..", lambda code: code[0].lower(), quote(key, safe="")),
    "in a host name": lambda key: quote(key, safe="").lower(),
    "in a form": quote_plus,
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in PHP's JSON": lambda key: json.dumps(key)[1:-1].replace("/", r"\/"),
    "in HTML": escape,
    "as a repr": lambda key: repr(key)[1:-1],
    "as the repr of bytes": lambda key: repr(key.encode())[2:-1],
    "in base64": lambda key: b64encode(key.encode()).decode(),
}


class Runner:
    """The service over a fake source; it records all of its output."""

    def __init__(self, source: Handler, log: io.StringIO) -> None:
        self.bus, self.state, self.data = RecordingBus(), MemoryObjects("state"), MemoryObjects("data")
        self._source, self._log = source, log
        self.answers: list[httpx.Response] = []
        authentication = Authentication(local_settings())
        app = create_app(
            service="scraper-runner", description="", environment="local", config_hash="c", checks={}
        )
        endpoint = PushEndpoint(
            service="scraper-runner",
            environment="local",
            event_time=False,
            accepted=ACCEPTED,
            authentication=authentication,
            topics=TOPICS,
            publisher=Publisher("scraper-runner", self.bus),
            state=self.state,
        )
        deps = Deps(
            environment="local",
            registry=REGISTRY,
            memory=RequestMemory(self.state),
            data=self.data,
            publisher=Publisher("scraper-runner", self.bus),
            open_http=self._open,
        )
        self._app = routes(
            Wiring(app, endpoint, authenticated_router(authentication, CallLimit(100)), None, deps)
        )

    def _open(self, spec: ScraperSpec, now: datetime, replaying: bool) -> HttpxHttp:
        one_try = spec.model_copy(update={"retry": spec.retry.model_copy(update={"attempts": 1})})
        return HttpxHttp(
            one_try,
            now,
            Pacer(sleep=lambda _: None),
            replaying=replaying,
            environ=SECRETS,
            transport=httpx.MockTransport(self._source),
        )

    def run(self, scraper: str) -> Mapping[str, Any]:
        """Run a scraper manually, then by a push, and return the outcome of the manual run."""
        with client(self._app) as http:
            path = f"/scrapers/{scraper}/executions"
            self.answers.append(http.post(path, json={"game_date": "2025-01-15"}, headers=AUTHORIZED))
            request = ScrapeRequested(
                request_id="pushed",
                workflow="w",
                step="s",
                scraper=scraper,
                game_date=NOW.date(),
                parameters={"game_date": "2025-01-15"},
                attempt=1,
                source=Source.CONTROLLER,
                triggered_by="test",
                requested_at=NOW,
            )
            body = pushed(Envelope(request, request.id, "/tipoff/test", NOW))
            self.answers.append(http.post("/events", content=body, headers=AUTHORIZED))
        assert [answer.status_code for answer in self.answers] == [200, 204]
        outcome: Mapping[str, Any] = self.answers[0].json()["outcome"]
        return outcome

    @property
    def output(self) -> str:
        """All output of the service as one text."""
        return "\n".join(
            [
                self._log.getvalue(),
                *(f"{data.decode()} {attributes}" for data, attributes in map(encode, self.bus.published)),
                *(f"{bucket.bodies} {bucket.metadata}" for bucket in (self.state, self.data)),
                *(body.decode() for bucket in (self.state, self.data) for body in bucket.bodies.values()),
                *(f"{answer.headers} {answer.text}" for answer in self.answers),
            ]
        )


def parts_of(secret: str, text: str) -> list[str]:
    parts = (secret[at : at + PART] for at in range(len(secret) - PART + 1))
    return [part for part in parts if part in text]


def leaks(text: str) -> list[str]:
    spelt = [spelling(PLANTED) for spelling in SPELT.values()]
    return [spelling for spelling in spelt if spelling in text] + parts_of(PLANTED, text)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Capture the service's log, from DEBUG on."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    configure_logs("scraper-runner", "1", "p", written)
    root.setLevel(logging.DEBUG)
    yield written
    root.handlers[:], root.level = handlers, level


def key_in(request: httpx.Request) -> str:
    """Return the key from a request to the source."""
    return request.url.params.get("apiKey") or request.headers["Authorization"]


def everywhere(request: httpx.Request) -> str:
    key = key_in(request)
    return " ".join([str(request.url), *(spelling(key) for spelling in SPELT.values())])


EVERYWHERE = "(everywhere)"


def document(content: object, request: httpx.Request) -> httpx.Response:
    """Return a valid JSON answer with the key in every spelling at the marks in `content`."""
    body = json.dumps(content).replace(EVERYWHERE, everywhere(request))
    return httpx.Response(200, text=body, headers={"x-requests-used": key_in(request)})


def responding(status: int, code: str) -> Handler:
    """Return a handler for an error of The Odds API whose message repeats the key in every spelling."""

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.dumps({"message": EVERYWHERE, "error_code": code})
        body = body.replace(EVERYWHERE, everywhere(request))
        return httpx.Response(status, text=body, headers={"X-Echo": everywhere(request)})

    return answer


def events(request: httpx.Request) -> httpx.Response:
    event = {
        "id": "0" * 31 + "1",
        "sport_key": "basketball_nba",
        "sport_title": "NBA",
        "commence_time": "2025-01-16T00:10:00Z",
        "home_team": "Philadelphia 76ers",
        "away_team": "New York Knicks",
        key_in(request): EVERYWHERE,
    }
    return document([event], request)


def text(status: int) -> Handler:
    return lambda request: httpx.Response(status, text=everywhere(request))


def to(location: str) -> Handler:
    """Return a handler for a redirect; {key} is the key, {query} the original query."""

    def answer(request: httpx.Request) -> httpx.Response:
        where = location.format(key=quote(key_in(request), safe=""), query=request.url.query.decode())
        return httpx.Response(302, headers={"Location": where})

    return answer


def raising(error: type[httpx.TransportError]) -> Handler:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error(f"at {everywhere(request)} with {dict(request.headers)}")

    return answer


def stumble(request: httpx.Request) -> httpx.Response:
    raise RuntimeError(f"at {everywhere(request)} with {dict(request.headers)}")


def injuries(request: httpx.Request) -> httpx.Response:
    player = {"id": 1, "first_name": key_in(request), "last_name": EVERYWHERE, "team_id": 2}
    injury = {"player": player, "return_date": None, "description": EVERYWHERE, "status": "Out"}
    return document({"data": [injury], "meta": {"per_page": 100}}, request)


CASES: list[tuple[str, str, Handler]] = [
    ("oddsa_events", "success", events),
    ("oddsa_events", "no_data", responding(404, "EVENT_NOT_FOUND")),
    ("oddsa_events", "timeout", raising(httpx.ReadTimeout)),
    ("oddsa_events", "blocked", responding(401, "INVALID_KEY")),
    ("oddsa_events", "blocked", to("https://elsewhere.example/{key}?{query}")),
    ("oddsa_events", "blocked", to("https://{key}.elsewhere.example/")),
    ("oddsa_events", "blocked", to("https://" + "a" * 84 + "{key}/")),
    ("oddsa_events", "http", to("https://[" + "a" * 80 + "{key}")),
    ("oddsa_events", "http", to("?{query}")),
    ("oddsa_events", "source_changed", responding(422, "INVALID_MARKET")),
    ("oddsa_events", "http", text(500)),
    ("oddsa_events", "http", raising(httpx.ReadError)),
    ("oddsa_events", "decode", text(200)),
    ("oddsa_events", "quota", responding(401, "OUT_OF_USAGE_CREDITS")),
    ("oddsa_events", "internal", stumble),
    ("bdl_injuries", "success", injuries),
    ("bdl_injuries", "blocked", text(401)),
    ("bdl_injuries", "source_changed", text(404)),
    ("bdl_injuries", "decode", text(200)),
    ("bdl_injuries", "internal", stumble),
]


@pytest.mark.parametrize(("scraper", "ends", "source"), CASES)
def test_key_repeated_by_source_is_in_no_output(
    log: io.StringIO, scraper: str, ends: str, source: Handler
) -> None:
    runner = Runner(source, log)
    outcome = runner.run(scraper)
    assert outcome.get("kind", outcome["status"]) == ends
    assert leaks(runner.output) == []


def test_redaction_cases_cover_every_outcome() -> None:
    kinds = {"timeout", "blocked", "source_changed", "http", "decode", "quota", "internal"}
    assert {ends for _, ends, _ in CASES} == {"success", "no_data", *kinds}


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("before", [30, 45, 59, 75, 90])
def test_key_cut_by_message_limit_leaks_no_part(log: io.StringIO, before: int, status: int) -> None:
    """A message quotes the first bytes of an unexpected answer."""

    def source(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text="x" * before + key_in(request))

    runner = Runner(source, log)
    runner.run("bdl_injuries")
    assert leaks(runner.output) == []


def test_proxy_password_repeated_by_proxy_is_redacted() -> None:
    given = b64encode(f"user:{PLANTED}".encode()).decode()

    def refuse(_server: FaultyServer, connection: socket.socket) -> None:
        connection.sendall(reply(f"407 {PLANTED} {quote(PLANTED, safe='')} {given} is not accepted"))

    with faulty_server(refuse) as proxy:
        address = f"http://user:{quote(PLANTED, safe='')}@127.0.0.1:{proxy.port}"
        with (
            HttpxHttp(spec(), datetime.now(UTC), Pacer(), proxy_url=address) as http,
            pytest.raises(HttpFailure, match="407") as failed,
        ):
            http.get("https://source.example/data")
        assert given in proxy.requests[0]
    assert given not in str(failed.value)
    assert leaks(str(failed.value)) == []


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=8, max_size=40),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=examples(100))
def test_secret_is_redacted_in_every_spelling(secret: str, before: str, after: str) -> None:
    redactor = SecretRedactor(spec(secrets=["SAMPLE_KEY"]), {"SAMPLE_KEY": secret}, fake=False)
    redactor.secret("SAMPLE_KEY")
    for spelling in SPELT.values():
        output = redactor.redact(before + spelling(secret) + after)
        assert spelling(secret) not in output or spelling(secret) in before + after
        body = (before + spelling(secret) + after).encode()
        assert redactor.redact_bytes(body).decode() == output


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        (f"user:{PLANTED}@proxy.example:8080", "write http://USER:PASSWORD@HOST:PORT"),
        (f"http://user:{PLANTED}@proxy.example:8080", "write http://USER:PASSWORD@HOST:PORT"),
        (f"socks5://{PLANTED}", "write http://USER:PASSWORD@HOST:PORT"),
        ("http://user:short7c@proxy.example:8080", "fewer than 8 characters"),
    ],
)
def test_invalid_proxy_url_is_refused_at_start_without_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str, fault: str
) -> None:
    """A password with a slash ends the host and port too early."""
    for name, value in {
        "TIPOFF_ENVIRONMENT": "local",
        "TIPOFF_PROJECT": "p",
        "TIPOFF_DATA_BUCKET": "d",
        "TIPOFF_STATE_BUCKET": "s",
        "TIPOFF_DEVELOPMENT_KEY": "k",
        "TIPOFF_PROXY_URL": address,
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings(RunnerSettings)
    assert str(error.value).startswith("TIPOFF_PROXY_URL: ")
    assert fault in str(error.value)
    assert leaks(str(error.value)) == []
    assert "short7c" not in str(error.value)


def test_secret_below_minimum_length_is_refused() -> None:
    """Such a secret would be redacted within ordinary words, in payloads too."""
    redactor = SecretRedactor(spec(secrets=["SAMPLE_KEY"]), {"SAMPLE_KEY": "player"}, fake=False)
    with pytest.raises(Misconfigured, match="SAMPLE_KEY has fewer than 8 characters"):
        redactor.secret("SAMPLE_KEY")

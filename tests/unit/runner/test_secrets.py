"""Tests of secrets: they reach their source, but no outcome, summary, event, path or log line."""

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import quote, quote_plus

import httpx
import pytest

from scrapers.oddsapi.oddsa_events import scraper as oddsa_events
from tests.support.faulty_server import faulty_server, in_turn, reply
from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import NOW, run
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.errors import NotPublished, QuotaSpent
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.scraper import Http, Payload, ScrapeParameters
from tipoff_scraper_runner.secret_redactor import SecretRedactor
from tipoff_scraper_runner.secret_use import secret_faults

PLANTED = "pl4nted+key/with=odd&signs"
SPELLINGS = (PLANTED, quote(PLANTED), quote(PLANTED, safe=""), quote_plus(PLANTED))
ENVIRON = {"SAMPLE_KEY": f"{PLANTED}\n"}
SOURCE = "https://source.example/data"


def get(http: Http, **arguments: object) -> Payload:
    key = http.secret("SAMPLE_KEY")
    response = http.get(
        SOURCE, query={"apiKey": key, "day": "1"}, headers={"Authorization": key}, **arguments
    )  # type: ignore[arg-type]
    return Payload(response.body, response.url, "json")


def fetch(_parameters: ScrapeParameters, http: Http) -> Payload:
    return get(http)


def fetch_and_tell(_parameters: ScrapeParameters, http: Http) -> Payload:
    """Raise a message with the source's answer, which repeats the key."""
    payload = get(http, expected=frozenset({401}))
    http.note("said", {payload.body.decode(): [payload.body.decode()]})
    raise QuotaSpent(f"{payload.url}: {payload.body!r} {payload.body.decode()}")


def fetch_and_wait(_parameters: ScrapeParameters, http: Http) -> Payload:
    raise NotPublished(get(http).body.decode())


def fetch_and_stumble(_parameters: ScrapeParameters, http: Http) -> Payload:
    raise KeyError(get(http).body.decode())


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text=f"{request.url} {request.headers['Authorization']} {PLANTED}")


def refuse(request: httpx.Request) -> httpx.Response:
    return httpx.Response(401, text=f"{request.url} {request.headers['Authorization']} {PLANTED}")


def redirect(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/data":
        return httpx.Response(302, headers={"Location": f"/moved?{request.url.query.decode()}"})
    return httpx.Response(200, text="{}")


def lead_away(request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        302, headers={"Location": f"https://elsewhere.example/?{request.url.query.decode()}"}
    )


def break_off(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError(f"while reading {request.url} with {request.headers['Authorization']}")


def hang(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout(f"while reading {request.url}")


Handler = Callable[[httpx.Request], httpx.Response]
Fetch = Callable[[ScrapeParameters, Http], Payload]
CASES: list[tuple[Fetch, Handler, type]] = [
    (fetch, echo, Success),
    (fetch, redirect, Success),
    (fetch, refuse, Failed),
    (fetch, lead_away, Failed),
    (fetch, break_off, Failed),
    (fetch, hang, Failed),
    (fetch, lambda _: httpx.Response(503), Failed),
    (fetch_and_tell, refuse, Failed),
    (fetch_and_wait, echo, NoData),
    (fetch_and_stumble, echo, Failed),
]


@pytest.mark.parametrize(("fetch", "handler", "outcome"), CASES)
def test_planted_secret_is_in_no_output(
    fetch: Fetch,
    handler: Handler,
    outcome: type,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    data = MemoryObjects("data")

    execution = run(
        fetch,
        handler=handler,
        environ=ENVIRON,
        data=data,
        secrets=["SAMPLE_KEY"],
        retry={"attempts": 1},
        timeout_seconds=30,
    )

    assert isinstance(execution.executed.outcome, outcome)
    messages = [
        execution.executed.model_dump_json(),
        execution.landed.model_dump_json() if execution.landed else "",
        str(data.metadata),
        " ".join(data.bodies),
        *(f"{record.getMessage()} {vars(record)}" for record in caplog.records),
    ]
    assert not [text for text in messages for spelling in SPELLINGS if spelling in text]


def test_secret_is_sent_without_trailing_newline() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, text="{}")

    executed = run(fetch, handler=answer, environ=ENVIRON, secrets=["SAMPLE_KEY"]).executed

    assert dict(sent[0].url.params) == {"day": "1", "apiKey": PLANTED}
    assert sent[0].headers["Authorization"] == PLANTED
    assert executed.data_summary["source_url"] == f"{SOURCE}?day=1"


def test_http_libraries_log_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """The test uses the real network stack, whose libraries log every requested address."""
    caplog.set_level(logging.DEBUG)
    with (
        faulty_server(in_turn(reply("200 OK", b"{}"))) as server,
        HttpxHttp(spec(secrets=["SAMPLE_KEY"]), NOW, Pacer(), environ=ENVIRON) as http,
    ):
        http.get(server.url, query={"apiKey": http.secret("SAMPLE_KEY")})

    assert quote(PLANTED, safe="") in server.requests[0]
    assert not [record for record in caplog.records if record.name.startswith(("http", "h2", "hpack"))]


def test_missing_secret_is_internal_failure_with_its_name() -> None:
    outcome = run(fetch, secrets=["SAMPLE_KEY"]).executed.outcome

    assert outcome == Failed(
        kind=FailureKind.INTERNAL,
        message="secret SAMPLE_KEY is missing; set the environment variable SAMPLE_KEY",
    )


@pytest.mark.parametrize("blank", ["", " \n"])
def test_blank_secret_counts_as_missing(blank: str) -> None:
    outcome = run(fetch, secrets=["SAMPLE_KEY"], environ={"SAMPLE_KEY": blank}).executed.outcome

    assert isinstance(outcome, Failed)
    assert "is missing" in outcome.message


def test_undeclared_secret_is_refused_even_if_set() -> None:
    outcome = run(fetch, environ=ENVIRON).executed.outcome

    assert outcome == Failed(
        kind=FailureKind.INTERNAL,
        message="secret SAMPLE_KEY is not declared; add it to 'secrets' in sample's scraper.yaml",
    )


def test_fake_source_is_called_with_placeholder_secret() -> None:
    sent: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(404)

    outcome = run(
        fetch,
        handler=answer,
        secrets=["SAMPLE_KEY"],
        fakes=FakeSources({"source.example": "http://localhost:1"}),
    ).executed.outcome

    assert sent == [httpx.URL("http://localhost:1/source.example/data?day=1&apiKey=local")]
    assert isinstance(outcome, Failed)
    assert outcome.message == f"{SOURCE}?day=1 (via fake) answered 404"


def test_real_source_is_never_called_with_placeholder_secret() -> None:
    sent: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(200)

    fakes = FakeSources({"other.example": "http://localhost:1"})
    outcome = run(fetch, handler=answer, secrets=["SAMPLE_KEY"], fakes=fakes).executed.outcome

    assert sent == []
    assert isinstance(outcome, Failed)
    assert outcome.message == "secret SAMPLE_KEY is missing; set the environment variable SAMPLE_KEY"


def test_secret_is_redacted_in_url_spellings_and_json() -> None:
    redactor = SecretRedactor(spec(secrets=["SAMPLE_KEY"]), ENVIRON, fake=False)
    assert str(redactor.secret("SAMPLE_KEY")) == "**********"
    assert {redactor.redact(f"a {spelling} b") for spelling in SPELLINGS} == {"a *** b"}
    assert redactor.redact_json({PLANTED: [PLANTED, 1, None, {"key": PLANTED}]}) == {
        "***": ["***", 1, None, {"key": "***"}]
    }


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports a scraper's code from a file."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(code: str) -> ModuleType:
        (tmp_path / "written_scraper.py").write_text(code)
        return importlib.import_module("written_scraper")

    yield make
    sys.modules.pop("written_scraper", None)


@pytest.mark.parametrize(
    "code",
    [
        "def fetch(p, http): http.secret('SAMPLE_KEY')",
        "KEY = 'SAMPLE_KEY'\ndef fetch(p, http): http.secret(KEY)",
    ],
)
def test_secret_missing_from_scraper_yaml_is_refused(code: str, module: Callable[[str], ModuleType]) -> None:
    scraper = module(code)

    assert list(secret_faults(scraper, spec())) == [
        "the code uses secret SAMPLE_KEY; add it to 'secrets' in scraper.yaml"
    ]
    assert list(secret_faults(scraper, spec(secrets=["SAMPLE_KEY"]))) == []


def test_secret_unused_by_code_is_refused(module: Callable[[str], ModuleType]) -> None:
    assert list(secret_faults(module("def fetch(p, http): ..."), spec(secrets=["SAMPLE_KEY"]))) == [
        "secret SAMPLE_KEY in scraper.yaml is not used in the code; remove it"
    ]


def test_secret_used_in_shared_module_must_be_declared() -> None:
    assert list(secret_faults(oddsa_events, spec())) == [
        "the code uses secret ODDS_API_KEY; add it to 'secrets' in scraper.yaml"
    ]

"""Saved documents: for every scraper live and replayed parsing are one path, so the results are equal."""

import json
from codecs import BOM_UTF8
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.fleet_sources import (
    DAY,
    REGISTRY,
    REQUEST_EXAMPLES,
    SCHEDULED,
    FakeSources,
    request_example,
    run,
)
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.outcomes import Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner import cli
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.saved_payload import SavedPayload

STATING = sorted(name for name in SCHEDULED if hasattr(REGISTRY[name].module, "stated"))


def never(_request: httpx.Request) -> httpx.Response:
    raise AssertionError("a saved document is fetched")


def replay(name: str, body: bytes, data: MemoryObjects, live: ScrapeExecuted) -> ScrapeExecuted:
    """Parse a saved payload for the same request, at the same instant."""
    scraper = REGISTRY[name]
    request = manual_request(
        scraper,
        {"game_date": DAY.isoformat(), **request_example(name).parameters},
        source=Source.LOCAL,
        triggered_by="test",
        now=live.triggered_at,
    )
    return execute(
        request,
        scraper,
        environment="local",
        now=live.triggered_at,
        open_http=lambda spec, now, _: HttpxHttp(spec, now, Pacer(), transport=httpx.MockTransport(never)),
        data=data,
        saved=SavedPayload(body, dated=True),
    ).executed


def payload_of(live: ScrapeExecuted, data: MemoryObjects) -> bytes:
    return data.bodies[str(live.data_summary["raw_path"]).removeprefix(f"gs://{data.bucket}/")]


@cache
def fetched(name: str) -> tuple[ScrapeExecuted, MemoryObjects]:
    """Fetch a scraper's document of the day, once for all tests, which only read it."""
    data = MemoryObjects("data")
    return run(name, FakeSources(), request_example(name).published_at, data).executed, data


def records_of(executed: ScrapeExecuted, data: MemoryObjects) -> Any:
    assert isinstance(executed.outcome, Success), executed.outcome
    assert executed.outcome.gcs_path is not None
    name = executed.outcome.gcs_path.removeprefix(f"gs://{data.bucket}/")
    return json.loads(data.bodies[name])["records"]


def marked(answer: httpx.Response) -> httpx.Response:
    """Return the response with a byte-order mark before its JSON, as some editors and servers write it."""
    if not answer.content.startswith((b"{", b"[")):
        return answer
    return httpx.Response(answer.status_code, content=BOM_UTF8 + answer.content)


@pytest.mark.parametrize(
    "change", [lambda answer: answer, marked], ids=["as it is", "with a byte-order mark"]
)
@pytest.mark.parametrize("name", SCHEDULED)
def test_document_is_parsed_alike_live_and_saved(name: str, change: Any) -> None:
    expected = records_of(*fetched(name))
    data, again, source = MemoryObjects("data"), MemoryObjects("data"), FakeSources()
    source.change_response = change
    live = run(name, source, request_example(name).published_at, data).executed
    assert records_of(live, data) == expected
    saved = replay(name, payload_of(live, data), again, live)
    assert records_of(saved, again) == expected
    assert saved.outcome == live.outcome


@pytest.mark.parametrize("name", SCHEDULED)
def test_truncated_document_fails_alike_live_and_saved(name: str) -> None:
    """A fault in only one of the two paths could not be investigated."""
    whole, source = payload_of(*fetched(name)), FakeSources()
    source.change_response = lambda answer: (
        httpx.Response(200, content=answer.content[: len(answer.content) // 2])
        if answer.status_code == 200 and len(answer.content) > 2000
        else answer
    )
    live = run(name, source, request_example(name).published_at, MemoryObjects("data")).executed
    saved = replay(name, whole[: len(whole) // 2], MemoryObjects("data"), live)
    assert live.outcome.status == saved.outcome.status == "failed"
    assert live.outcome.kind == saved.outcome.kind  # type: ignore[union-attr]  # both failed


def scrape(name: str, *arguments: str) -> int:
    """Run a shipped scraper from the command line; with a given file the command needs no stack."""
    return cli.main(name, arguments, scrapers=cli.SCRAPERS_DIR, stack=Path("no-stack.env"))


def test_parameterized_scrapers_but_gamebook_read_parameters_from_document() -> None:
    needing_parameters = {name for name, example in REQUEST_EXAMPLES.items() if example.parameters}
    assert {*STATING, "nbac_gamebook_pdf"} == needing_parameters, "a gamebook prints no game id"


@pytest.mark.parametrize("name", STATING)
def test_parameters_stated_in_document_are_optional(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live, data = fetched(name)
    file = tmp_path / "saved"
    file.write_bytes(BOM_UTF8 + payload_of(live, data))
    assert scrape(name, "--from-file", str(file), "--game-date", DAY.isoformat(), "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["opts"].items() >= request_example(name).parameters.items()


@pytest.mark.parametrize("name", STATING)
def test_document_without_parameter_names_the_option(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "saved"
    file.write_bytes(b"{}")
    assert scrape(name, "--from-file", str(file)) == cli.EXIT_USAGE
    (parameter,) = request_example(name).parameters
    assert f"give --{parameter.replace('_', '-')}" in capsys.readouterr().err


def test_given_parameter_is_compared_with_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = MemoryObjects("data")
    live = run(
        "nbac_play_by_play", FakeSources(), REQUEST_EXAMPLES["nbac_play_by_play"].published_at, data
    ).executed
    file = tmp_path / "saved"
    file.write_bytes(payload_of(live, data))
    given = ["--from-file", str(file), "--game-date", DAY.isoformat(), "--game-id", "0022400001"]
    assert scrape("nbac_play_by_play", *given) == cli.EXIT_FAILED
    assert "requested game 0022400001, but the document is of" in capsys.readouterr().out

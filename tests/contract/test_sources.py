"""Every scheduled scraper, run by the runner on the fake of its source: its records, and its failures.

Not published, blocked, changed and truncated are always distinct outcomes.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as clock_time
from io import BytesIO
from typing import Any

import httpx
import pytest
from reportlab.pdfgen.canvas import Canvas

from scrapers.teams import TEAMS
from tests.support.fleet_sources import (
    ALL_FAKES,
    CONFIGURATION,
    FLEET,
    REGISTRY,
    REQUEST_EXAMPLES,
    SCHEDULED,
    FakeSources,
    request_example,
    run,
)
from tests.support.scenario import SCENARIO
from tipoff_common.clock import EASTERN
from tipoff_common.events import Source
from tipoff_common.outcomes import Failed, FailureKind, NoData, Status, Success
from tipoff_common.testing import MemoryObjects
from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.hosts import FILE
from tipoff_dev.fakes.sources.odds import event_id
from tipoff_dev.fakes.sources.rolling import rolled
from tipoff_dev.fakes.sources.testing import InProcessTransport
from tipoff_planning.workflows import ForEachValue
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.saved_payload import SavedPayload


@pytest.fixture
def source() -> Iterator[FakeSources]:
    yield FakeSources()


def _records(data: MemoryObjects) -> list[Any]:
    """Return the records of the one written file."""
    (body,) = [body for path, body in data.bodies.items() if not path.startswith(("raw/", "journal/"))]
    records: list[Any] = json.loads(body)["records"]
    return records


def failure(execution: Execution) -> Failed:
    outcome = execution.executed.outcome
    assert isinstance(outcome, Failed), outcome
    return outcome


def test_every_scheduled_scraper_has_a_fake_source() -> None:
    """Otherwise `make up` would fail where production would not."""
    for name in set(SCHEDULED) - set(REQUEST_EXAMPLES):
        folder = SCRAPERS_DIR / REGISTRY[name].spec.source
        files = [folder / FILE, folder / name / FILE]
        assert any(file.exists() for file in files), f"{name} is scheduled and has no fake: write {files[1]}"


def test_player_list_fetches_every_team_independent_of_games() -> None:
    """Independent of games, and in summer too."""
    step = CONFIGURATION.workflows["player_list"].plan["espn_roster"]
    assert isinstance(step.for_each, ForEachValue)
    assert set(step.for_each.values) == {one.tricode for one in TEAMS}
    assert "player_list" not in CONFIGURATION.needing_games


@pytest.mark.parametrize("name", SCHEDULED)
def test_published_document_is_scraped(name: str, source: FakeSources) -> None:
    data = MemoryObjects("data")
    execution = run(name, source, request_example(name).published_at, data)
    outcome = execution.executed.outcome
    assert isinstance(outcome, Success), outcome
    assert outcome.record_count == len(json.loads(data.bodies[_name(outcome.gcs_path)])["records"])
    assert execution.landed is not None
    assert {name.startswith("raw/") for name in data.bodies} == {True, False}
    drift = execution.executed.data_summary.get("drift", {})
    assert not drift or not any(drift.values()), drift  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(set(SCHEDULED) & set(REQUEST_EXAMPLES)))
def test_every_declared_host_is_requested(name: str, source: FakeSources) -> None:
    """A rate-limited host pauses all scrapers that need it, so the list must be true."""
    run(name, source, request_example(name).published_at, MemoryObjects("data"))
    hosts = set(REGISTRY[name].spec.hosts)

    assert hosts
    assert hosts <= source.requested_hosts


TEAM_FIELDS = ("team", "home_team", "away_team", "opponent", "other_team", "team_abbreviation")


@pytest.mark.parametrize("name", sorted(set(SCHEDULED) & set(REQUEST_EXAMPLES)))
def test_records_use_tricodes_of_team_module(name: str, source: FakeSources) -> None:
    """Records of two sources about one team join by its name; an undecided or absent team is null."""
    data = MemoryObjects("data")
    run(name, source, request_example(name).published_at, data)
    records = _records(data)
    spelled = {record[field] for record in records for field in TEAM_FIELDS if field in record}

    assert spelled - {None} <= {one.tricode for one in TEAMS}
    assert all(any(field in record for field in TEAM_FIELDS) for record in records)


@pytest.mark.parametrize("name", [name for name in SCHEDULED if not name.endswith(("_pdf", "_report"))])
def test_byte_order_mark_changes_no_records(name: str, source: FakeSources) -> None:
    plain, marked = MemoryObjects("data"), MemoryObjects("data")
    run(name, source, request_example(name).published_at, plain)
    source.change_response = lambda answer: httpx.Response(
        answer.status_code, headers=_of_the_answer(answer), content=b"\xef\xbb\xbf" + answer.content
    )
    run(name, source, request_example(name).published_at, marked)
    (kept,) = [body for path, body in marked.bodies.items() if path.startswith("raw/")]
    saved = MemoryObjects("data")
    run(name, source, request_example(name).published_at, saved, saved=SavedPayload(kept, dated=True))

    assert _records(plain) == _records(marked) == _records(saved)


@pytest.mark.parametrize("name", ["nbac_injury_report", "nbac_gamebook_pdf"])
def test_password_protected_pdf_fails_with_reason(name: str, source: FakeSources) -> None:
    source.change_response = lambda answer: (
        httpx.Response(200, content=_pdf(encrypt="secret")) if answer.content.startswith(b"%PDF") else answer
    )
    failed = failure(run(name, source, request_example(name).published_at))

    assert failed.kind is FailureKind.DECODE
    assert failed.message.startswith("the PDF is protected by a password, and no password is known")


@pytest.mark.parametrize("name", [name for name in SCHEDULED if request_example(name).unpublished_at])
def test_document_not_yet_published_is_no_data_with_reason(name: str, source: FakeSources) -> None:
    outcome = run(name, source, request_example(name).unpublished_at or "").executed.outcome
    assert isinstance(outcome, NoData), outcome
    assert outcome.reason


@pytest.mark.parametrize("name", SCHEDULED)
@pytest.mark.parametrize("page", [False, True], ids=["403", "page"])
def test_refusal_is_blocked_not_no_data(name: str, page: bool, source: FakeSources) -> None:
    """Regression: blocked was read as not published (incident 5)."""
    html = b"<!DOCTYPE html><html><head><title>Access Denied</title></head></html>"
    source.change_response = lambda _: httpx.Response(200, content=html) if page else httpx.Response(403)
    assert failure(run(name, source, request_example(name).published_at)).kind is FailureKind.BLOCKED


@pytest.mark.parametrize("name", SCHEDULED)
def test_truncated_document_is_a_decode_failure(name: str, source: FakeSources) -> None:
    source.change_response = lambda answer: httpx.Response(
        answer.status_code, headers=_of_the_answer(answer), content=answer.content[: len(answer.content) // 2]
    )
    assert failure(run(name, source, request_example(name).published_at)).kind is FailureKind.DECODE


BROKEN = {
    "nothing": b"",
    "5 MB of lists": b"[" * 5_000_000,
    "5 MB of objects": b'{"a":' * 1_000_000,
    "another encoding": '{"player": "Doncic, Luka \u010d"}'.encode("latin2"),
    "half a gzip": gzip.compress(b'{"games": []}')[:-9],
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", SCHEDULED)
def test_broken_document_is_a_decode_failure_without_records(
    name: str, body: bytes, source: FakeSources
) -> None:
    """The message shows the beginning of the body; the payload is kept, and no records are written."""
    source.change_response = lambda answer: httpx.Response(
        answer.status_code, headers=_of_the_answer(answer), content=body
    )
    data = MemoryObjects("data")
    execution = run(name, source, request_example(name).published_at, data)
    assert failure(execution).kind is FailureKind.DECODE
    assert ("nothing (0 bytes)" if not body else f"({len(body)} bytes)") in failure(execution).message
    assert execution.landed is None
    assert all(name.startswith("raw/") for name in data.bodies)


@pytest.mark.parametrize("name", SCHEDULED)
def test_changed_document_is_a_source_changed_failure(name: str, source: FakeSources) -> None:
    source.change_response = _changed
    execution = run(name, source, request_example(name).published_at)
    assert failure(execution).kind is FailureKind.SOURCE_CHANGED
    assert execution.executed.outcome.status is Status.FAILED
    assert len(failure(execution).message) > 20


@pytest.mark.parametrize("name", SCHEDULED)
def test_changed_document_writes_no_records(name: str, source: FakeSources) -> None:
    source.change_response = _changed
    data = MemoryObjects("data")
    assert run(name, source, request_example(name).published_at, data).landed is None
    assert all(name.startswith("raw/") for name in data.bodies)


def _changed(answer: httpx.Response) -> httpx.Response:
    """Return the document with other names for everything, or a PDF about another subject."""
    if answer.content.startswith(b"%PDF"):
        return httpx.Response(200, content=_pdf())
    return httpx.Response(
        answer.status_code,
        headers=_of_the_answer(answer),
        content=json.dumps(_renamed(answer.json())).encode(),
    )


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"new_{key}": _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _of_the_answer(answer: httpx.Response) -> dict[str, str]:
    return {"Content-Type": answer.headers.get("Content-Type", "")}


def _pdf(encrypt: str | None = None) -> bytes:
    body = BytesIO()
    canvas = Canvas(body, encrypt=encrypt)
    canvas.drawString(72, 720, "This page is about something else")
    canvas.save()
    return body.getvalue()


def _name(gcs_path: str | None) -> str:
    assert gcs_path is not None
    return gcs_path.split("/", 3)[3]


@pytest.mark.parametrize("day", [date(2026, 11, 29), date(2027, 7, 1)], ids=["season", "summer"])
@pytest.mark.parametrize("name", SCHEDULED)
def test_fakes_serve_the_fleet_around_any_day(name: str, day: date) -> None:
    """`make up` uses today's date: with January 2025 alone it would be red and empty at first."""
    game = rolled(SCENARIO, day).games[day][0]
    known = {"game_id": game.id, "team": game.home, "event_id": event_id(game)}
    example = request_example(name)
    hour = 14 if name.startswith("oddsa_") else 23
    now = datetime.combine(day, clock_time(hour, 55), tzinfo=EASTERN)
    app = create_app(SCENARIO, lambda: now, around_today=True, fleet=FLEET)
    request = manual_request(
        REGISTRY[name],
        {"game_date": day.isoformat(), **{key: known[key] for key in example.parameters}},
        source=Source.LOCAL,
        triggered_by="test",
        now=now,
    )
    execution = execute(
        request,
        REGISTRY[name],
        environment="local",
        now=now,
        open_http=lambda spec, at, replaying: HttpxHttp(
            spec,
            at,
            Pacer(sleep=lambda _: None),
            fakes=ALL_FAKES,
            replaying=replaying,
            environ={},
            transport=InProcessTransport(app),
        ),
        data=None,
    )
    assert isinstance(execution.executed.outcome, Success), execution.executed.outcome
    assert execution.executed.data_summary["via_fake"]

"""Tests of output files: paths of payloads and records, which no value in a request can choose."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import GAME_DATE, NOON, requested
from tests.support.scrapers import spec_data
from tests.unit.runner.stub_scraper import Row, from_nowhere, one_row
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import Source
from tipoff_common.files import journal_entry
from tipoff_common.outcomes import Failed, FailureKind, Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import UnusableParameters, manual_request
from tipoff_scraper_runner.output_files import (
    PARAMETERS,
    folder,
    raw_prefix,
    records_file,
    write_payload,
    write_records,
)
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.saved_payload import SavedPayload, StoredPayload
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

GAME_DATE_ONLY = {"game_date": {"type": "date", "required": True, "description": "the day"}}
SUBJECT = {"type": "string", "required": True, "description": "what it is about"}


class OfASubject(ScrapeParameters):
    subject: str


def spec(output: str = "fixtures/{game_date}/{subject}") -> ScraperSpec:
    parameters = {**GAME_DATE_ONLY, "subject": SUBJECT}
    return ScraperSpec.model_validate(spec_data("lines", output=output, parameters=parameters))


def run(
    subject: str, data: MemoryObjects, saved: SavedPayload | None = None
) -> tuple[Execution, list[object]]:
    """Execute a request; return the execution and the parameters of its fetches."""
    fetched: list[object] = []

    def fetch(parameters: Any, http: Any) -> Payload:
        fetched.append(parameters)
        return from_nowhere(parameters, http)

    module: Any = SimpleNamespace(Parameters=OfASubject, fetch=fetch, parse=one_row)
    execution = execute(
        requested(parameters={"game_date": GAME_DATE.isoformat(), "subject": subject}),
        RegisteredScraper(spec(), module),
        environment="local",
        now=NOON,
        open_http=lambda described, now, replaying: HttpxHttp(described, now, Pacer(), replaying=replaying),
        data=data,
        saved=saved,
    )
    return execution, fetched


def test_parameter_value_fills_its_place_in_output_path() -> None:
    data = MemoryObjects("data")
    outcome = run("0022400561", data)[0].executed.outcome
    assert isinstance(outcome, Success)
    (raw, records) = sorted(data.files, reverse=True)
    assert raw.startswith("raw/fixtures/2025-01-15/0022400561/")
    assert raw.startswith(raw_prefix(spec(), GAME_DATE))
    assert records.startswith("fixtures/2025-01-15/0022400561/")
    assert outcome.gcs_path == f"gs://data/{records}"


def test_stored_payload_has_request_parameters_as_metadata() -> None:
    data = MemoryObjects("data")
    run("a", data)
    kept = next(data.metadata[name] for name in data.bodies if name.startswith("raw/"))
    assert json.loads(kept[PARAMETERS]) == {"game_date": "2025-01-15", "subject": "a"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "...",
        "a/b",
        "../../state",
        "a\\b",
        "a b",
        "a\nb",
        "a%2Fb",
        "é",
        "{game_date}",
        "a" * 101,
    ],
)
def test_unsafe_path_value_fails_before_fetch(value: str) -> None:
    data = MemoryObjects("data")
    execution, fetched = run(value, data)
    outcome = execution.executed.outcome
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.INTERNAL
    assert "which is not allowed in a path" in outcome.message
    assert (data.bodies, fetched) == ({}, [])


def test_unsafe_path_value_is_refused_in_manual_request() -> None:
    module: Any = SimpleNamespace(Parameters=OfASubject)
    given = {"game_date": GAME_DATE.isoformat(), "subject": "../up"}
    with pytest.raises(UnusableParameters, match=r"subject is .*, which is not allowed in a path"):
        manual_request(
            RegisteredScraper(spec(), module), given, source=Source.LOCAL, triggered_by="ann", now=NOON
        )


@given(value=st.text(max_size=120))
def test_accepted_path_value_stays_in_its_folder(value: str) -> None:
    try:
        found = folder(spec(), OfASubject(game_date=GAME_DATE, subject=value), GAME_DATE)
    except UnusablePath:
        return
    assert found == f"fixtures/2025-01-15/{value}"
    assert value.isascii()
    assert "/" not in value
    assert value.strip(".")


@pytest.mark.parametrize("output", ["fixtures", "fixtures/{game_date}"])
def test_game_date_is_appended_to_output_unless_present(output: str) -> None:
    described = spec(output)
    assert (
        folder(described, OfASubject(game_date=GAME_DATE, subject="a/b"), GAME_DATE) == "fixtures/2025-01-15"
    )
    assert described.output_root == "fixtures"


def test_stored_payload_is_parsed_without_fetch_or_copy() -> None:
    """The records get the payload's age, so that an old calendar does not pass for a new one."""
    data = MemoryObjects("data")
    fetched_at = NOON - timedelta(hours=3)
    kept = StoredPayload("gs://data/raw/fixtures/x.json", fetched_at)
    execution, asked = run("a", data, SavedPayload(b"{}", dated=True, fetched=kept))
    assert execution.executed.data_summary["raw_path"] == kept.raw_path
    assert asked == []
    (name,) = data.files
    assert data.metadata[name]["fetched-at"] == fetched_at.isoformat()


class TestAnnouncement:
    """Announcements: the creation of a file claims its announcement."""

    def write(self, data: MemoryObjects, request_id: str, hours: int = 0, content: str = "row") -> bool:
        request = requested(request_id=request_id, parameters={"game_date": GAME_DATE.isoformat()})
        at = NOON + timedelta(hours=hours)
        parsed = Parsed(records=[Row(text=content)])
        return write_records(records_file(parsed, spec("fixtures"), request, "fixtures", at), at, data)

    def test_first_request_announces_content_on_every_delivery(self) -> None:
        data = MemoryObjects("data")
        assert self.write(data, "first")
        assert not self.write(data, "second")
        assert self.write(data, "first")

    def test_different_content_is_announced_separately(self) -> None:
        data = MemoryObjects("data")
        assert self.write(data, "first")
        assert self.write(data, "second", content="another row")

    def test_only_the_first_of_concurrent_writers_announces(self) -> None:
        data, together = MemoryObjects("data"), threading.Barrier(8)

        def write(number: int) -> bool:
            together.wait()
            return self.write(data, f"request-{number}")

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(write, range(8))) == [False] * 7 + [True]

    def test_refetched_content_takes_latest_fetch_time(self) -> None:
        """The age of a calendar depends on this time: an unchanged schedule is not stale."""
        data = MemoryObjects("data")
        self.write(data, "first")
        self.write(data, "second", hours=3)
        (name,) = data.files
        assert data.metadata[name]["fetched-at"] == (NOON + timedelta(hours=3)).isoformat()
        assert data.metadata[name]["execution-id"] == "first"

    @given(st.lists(st.integers(0, 9), min_size=1))
    def test_content_keeps_newest_fetch_time_in_any_parse_order(self, hours: list[int]) -> None:
        """A payload fetched at noon and parsed late replaced the time of the afternoon's fetch."""
        data = MemoryObjects("data")
        claims = [self.write(data, f"request-{number}", hours=hour) for number, hour in enumerate(hours)]
        (name,) = data.files
        assert data.metadata[name]["fetched-at"] == (NOON + timedelta(hours=max(hours))).isoformat()
        assert claims == [True] + [False] * (len(hours) - 1)

    def test_journal_entry_is_written_before_the_records_file(self) -> None:
        data, seen = MemoryObjects("data"), []
        request = requested(parameters={"game_date": GAME_DATE.isoformat()})
        file = records_file(Parsed(records=[Row()]), spec("fixtures"), request, "fixtures", NOON)
        write_records(file, NOON, data, after=lambda: seen.extend(data.bodies))
        assert seen == [journal_entry(file.name, NOON)]

    @given(url=st.text(max_size=3000), noted=st.text("ab", max_size=5000), value=st.text(max_size=3000))
    def test_payload_metadata_fits_size_limit(self, url: str, noted: str, value: str) -> None:
        data = MemoryObjects("data")
        write_payload(Payload(b"", url, "txt"), "f", {"a": value}, requested(), noted, NOON, data)
        (metadata,) = data.metadata.values()
        assert sum(len(name) + len(text.encode()) for name, text in metadata.items()) <= 8 * 1024
        assert metadata["fetched-for"] == "request-1"

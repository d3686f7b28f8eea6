"""Where what was scraped is kept: nothing that a request carries chooses a path."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import GAME_DATE, NOON, requested
from tests.support.scrapers import spec_data
from tests.unit.runner.stub_scraper import from_nowhere, one_row
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import Source
from tipoff_common.outcomes import Failed, FailureKind, Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.execution import Execution, Fetched, Saved, execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import UnusableParameters, manual_request
from tipoff_scraper_runner.output_files import PARAMETERS, folder, raw_prefix
from tipoff_scraper_runner.pacing import Pacer
from tipoff_scraper_runner.registry import Registered
from tipoff_scraper_runner.scraper import Payload, ScrapeParameters

GAME_DATE_ONLY = {"game_date": {"type": "date", "required": True, "description": "the day"}}
SUBJECT = {"type": "string", "required": True, "description": "what it is about"}


class OfASubject(ScrapeParameters):
    subject: str


def spec(output: str = "fixtures/{game_date}/{subject}") -> ScraperSpec:
    parameters = {**GAME_DATE_ONLY, "subject": SUBJECT}
    return ScraperSpec.model_validate(spec_data("lines", output=output, parameters=parameters))


def run(subject: str, data: MemoryObjects, saved: Saved | None = None) -> tuple[Execution, list[object]]:
    """The execution, and what was fetched for it."""
    fetched: list[object] = []

    def fetch(parameters: Any, http: Any) -> Payload:
        fetched.append(parameters)
        return from_nowhere(parameters, http)

    module: Any = SimpleNamespace(Parameters=OfASubject, fetch=fetch, parse=one_row)
    execution = execute(
        requested(parameters={"game_date": GAME_DATE.isoformat(), "subject": subject}),
        Registered(spec(), module),
        environment="local",
        now=NOON,
        open_http=lambda described, now, replaying: HttpxHttp(described, now, Pacer(), replaying=replaying),
        data=data,
        saved=saved,
    )
    return execution, fetched


def test_a_value_stands_where_the_output_says() -> None:
    data = MemoryObjects("data")
    outcome = run("0022400561", data)[0].executed.outcome
    assert isinstance(outcome, Success)
    (raw, records) = sorted(data.files, reverse=True)
    assert raw.startswith("raw/fixtures/2025-01-15/0022400561/")
    assert raw.startswith(raw_prefix(spec(), GAME_DATE))
    assert records.startswith("fixtures/2025-01-15/0022400561/")
    assert outcome.gcs_path == f"gs://data/{records}"


def test_a_payload_is_kept_with_what_it_was_fetched_for() -> None:
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
def test_a_value_that_is_no_name_fails_before_anything_is_fetched(value: str) -> None:
    data = MemoryObjects("data")
    execution, fetched = run(value, data)
    outcome = execution.executed.outcome
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.INTERNAL
    assert "which cannot stand in a path" in outcome.message
    assert (data.bodies, fetched) == ({}, [])


def test_a_value_that_is_no_name_is_refused_to_who_asks_by_hand() -> None:
    module: Any = SimpleNamespace(Parameters=OfASubject)
    given = {"game_date": GAME_DATE.isoformat(), "subject": "../up"}
    with pytest.raises(UnusableParameters, match=r"subject is .*, which cannot stand in a path"):
        manual_request(Registered(spec(), module), given, source=Source.LOCAL, triggered_by="ann", now=NOON)


@given(value=st.text(max_size=120))
def test_whatever_is_asked_for_stays_in_its_folder(value: str) -> None:
    try:
        found = folder(spec(), OfASubject(game_date=GAME_DATE, subject=value), GAME_DATE)
    except UnusablePath:
        return
    assert found == f"fixtures/2025-01-15/{value}"
    assert value.isascii()
    assert "/" not in value
    assert value.strip(".")


@pytest.mark.parametrize("output", ["fixtures", "fixtures/{game_date}"])
def test_the_date_comes_last_unless_it_stands_elsewhere(output: str) -> None:
    described = spec(output)
    assert (
        folder(described, OfASubject(game_date=GAME_DATE, subject="a/b"), GAME_DATE) == "fixtures/2025-01-15"
    )
    assert described.output_root == "fixtures"


def test_a_payload_that_is_kept_already_is_parsed_where_it_is() -> None:
    """Its records are as old as the payload, so that an old calendar does not pass for a new one."""
    data = MemoryObjects("data")
    fetched_at = NOON - timedelta(hours=3)
    kept = Fetched(raw_path="gs://data/raw/fixtures/x.json", fetched_at=fetched_at)
    execution, asked = run("a", data, Saved(b"{}", dated=True, fetched=kept))
    assert execution.executed.data_summary["raw_path"] == kept.raw_path
    assert asked == []
    (name,) = data.files
    assert data.metadata[name]["fetched-at"] == fetched_at.isoformat()

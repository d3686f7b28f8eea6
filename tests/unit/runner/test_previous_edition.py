"""Tests of the comparison with the previous edition: a list that lost many rows is not the present state."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import JsonValue

from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import DAY, NOW, Row, from_nowhere
from tipoff_common.events import Source
from tipoff_common.files import FETCHED_AT
from tipoff_common.outcomes import Failed, FailureKind, Success
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.previous_edition import LOOK_BACK_DAYS, previous_edition
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters

SPEC = spec()


def put(data: MemoryObjects, day: date, records: Any, minutes_before: int = 60) -> None:
    data.put(
        f"{SPEC.output_root}/{day}/{minutes_before:016}.json",
        json.dumps({"records": records}).encode(),
        content_type="application/json",
        metadata={FETCHED_AT: (NOW - timedelta(minutes=minutes_before)).isoformat()},
    )


def previous(data: MemoryObjects) -> Any:
    return previous_edition(SPEC, DAY, NOW, data)


def test_previous_edition_is_none_without_earlier_files() -> None:
    assert previous(MemoryObjects("data")) is None


def test_previous_edition_is_newest_earlier_fetch_of_latest_day() -> None:
    data = MemoryObjects("data")
    put(data, DAY, [{"id": "older"}], minutes_before=120)
    put(data, DAY, [{"id": "newer"}], minutes_before=60)
    put(data, DAY, [{"id": "itself"}], minutes_before=0)
    put(data, DAY - timedelta(days=1), [{"id": "yesterday"}], minutes_before=1)

    assert previous(data) == [{"id": "newer"}]


@pytest.mark.parametrize(("age", "found"), [(LOOK_BACK_DAYS, True), (LOOK_BACK_DAYS + 1, False)])
def test_edition_beyond_look_back_days_is_ignored(age: int, found: bool) -> None:
    data = MemoryObjects("data")
    put(data, DAY - timedelta(days=age), [{"id": 1}], minutes_before=age * 24 * 60)

    assert (previous(data) is not None) == found


@pytest.mark.parametrize("body", [b"", b"[]", b'{"records": 7}', b"\xff"])
def test_malformed_file_is_no_edition(body: bytes) -> None:
    data = MemoryObjects("data")
    name = f"{SPEC.output_root}/{DAY}/x.json"
    data.put(name, body, content_type="x", metadata={FETCHED_AT: (NOW - timedelta(hours=1)).isoformat()})

    assert previous(data) is None


def lost(parsed: Parsed, before: Sequence[Mapping[str, JsonValue]]) -> str:
    return f"{len(before) - len(parsed.records)} are gone" if len(parsed.records) < len(before) else ""


def run(data: MemoryObjects) -> Execution:
    module: Any = SimpleNamespace(
        Parameters=ScrapeParameters,
        fetch=from_nowhere,
        parse=lambda _payload, _parameters: Parsed(records=[Row()]),
        lost=lost,
    )
    scraper = RegisteredScraper(SPEC, module)
    request = manual_request(
        scraper, {"game_date": DAY.isoformat()}, source=Source.LOCAL, triggered_by="test", now=NOW
    )
    return execute(
        request,
        scraper,
        environment="local",
        now=NOW,
        open_http=lambda spec, now, replaying: HttpxHttp(spec, now, Pacer(), replaying=replaying),
        data=data,
    )


def test_shrunken_list_is_source_changed_without_new_edition() -> None:
    data = MemoryObjects("data")
    put(data, DAY, [{"text": "row"}, {"text": "more"}])
    landed = {name for name in data.bodies if name.startswith(SPEC.output_root)}

    execution = run(data)

    assert execution.executed.outcome == Failed(kind=FailureKind.SOURCE_CHANGED, message="1 are gone")
    assert execution.landed is None
    assert execution.executed.data_summary["raw_path"]
    assert {name for name in data.bodies if name.startswith(SPEC.output_root)} == landed


def test_a_list_that_did_not_shrink_is_a_success() -> None:
    data = MemoryObjects("data")
    put(data, DAY, [{"text": "row"}])

    assert isinstance(run(data).executed.outcome, Success)
    assert isinstance(run(MemoryObjects("data")).executed.outcome, Success)

"""Tests of landed files in the dataset and of the announcement that is built from one."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_common.events import Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.file_rows import SightingRow
from tipoff_common.identity import content_hash
from tipoff_common.ports import Parameter
from tipoff_common.testing import MemoryWarehouse
from tipoff_dataset.landed_files import (
    EVERY,
    Files,
    FileSelector,
    LandedFile,
    LogWindow,
    NotAnnounceable,
    StatedFinding,
    announcement,
)

NOON = datetime(2025, 1, 15, 17, tzinfo=UTC)
NIGHT = NOON + timedelta(hours=12)
PATH = "gs://data/nba-com/injury/2025-01-15/0123456789abcdef.json"
ROW: dict[str, Any] = {
    "execution_id": "e-1",
    "scraper_name": "nbac_injury_report",
    "status": "success",
    "source": "CONTROLLER",
    "triggered_at": NOON,
    "completed_at": NOON,
    "workflow": "injury_discovery",
    "game_date": date(2025, 1, 15),
    "records": 30,
    "content_sha256": content_hash(b"{}"),
}


def file(**changes: Any) -> LandedFile:
    return LandedFile(PATH, [ExecutionRow.model_validate({**ROW, **changes})])


def test_announcement_is_built_from_first_execution() -> None:
    later = ExecutionRow.model_validate({**ROW, "execution_id": "e-2"})
    event = announcement(LandedFile(PATH, [*file().wrote, later]), NIGHT)
    assert (event.gcs_path, event.execution_id, event.workflow) == (PATH, "e-1", "injury_discovery")
    assert (event.game_date, event.record_count, event.landed_at) == (date(2025, 1, 15), 30, NOON)
    assert (event.recovery, event.republish, event.source) == (True, 1, Source.MANUAL)
    assert event.announced_at == NIGHT


@given(
    st.lists(st.booleans(), max_size=4),
    st.lists(
        st.integers(0, 10**12).map(lambda n: NIGHT + timedelta(microseconds=n)), min_size=1, unique=True
    ),
)
def test_each_announcement_has_its_own_event_id(republished: list[bool], instants: list[datetime]) -> None:
    """A consumer that drops known ids would never process a second announcement, manual or by cleanup."""
    seen = [SightingRow(PATH, f"c-{number}", NOON, 60, again) for number, again in enumerate(republished)]
    landed = LandedFile(PATH, file().wrote, sightings=seen)
    by_hand = [announcement(landed, at) for at in instants]
    own = {"announced_at": None, "source": Source.RECOVERY}
    by_cleanup = [by_hand[0].model_copy(update={**own, "republish": number}) for number in range(6)]
    by_runner = by_hand[0].model_copy(update={**own, "source": None, "recovery": False, "republish": 0})
    events = [*by_hand, *by_cleanup, by_runner]
    assert len({event.id for event in events}) == len(events)
    assert [announcement(landed, at).id for at in instants] == [event.id for event in by_hand]


def test_file_without_workflow_is_announced_as_manual() -> None:
    assert announcement(file(workflow=None), NIGHT).workflow == "MANUAL"


@pytest.mark.parametrize(
    ("changes", "lacks"),
    [
        ({"records": None}, "record_count"),
        ({"game_date": None, "content_sha256": None}, "game_date, content_sha256"),
        ({"records": -1}, "record_count"),
    ],
)
def test_fields_missing_in_row_are_named(changes: dict[str, Any], lacks: str) -> None:
    with pytest.raises(NotAnnounceable, match=f"row lacks {lacks}; fetch it again"):
        announcement(file(**changes), NIGHT)


def test_file_without_execution_is_not_announced() -> None:
    with pytest.raises(NotAnnounceable, match="look further back"):
        announcement(LandedFile(PATH), NIGHT)


def test_the_newest_finding_of_a_kind_is_the_latest() -> None:
    one, two, other = (
        StatedFinding(PATH, NOON + timedelta(hours=hour), kind, f"{hour}")
        for hour, kind in enumerate(("given_up", "given_up", "foreign_path"))
    )
    found = LandedFile(PATH, findings=[one, two, other])
    assert found.latest("given_up") == two
    assert found.latest("object_missing") is None


def test_each_query_gets_exactly_its_parameters() -> None:
    """BigQuery refuses a parameter that the statement does not name, and a missing one."""
    queries: list[tuple[str, Mapping[str, Parameter]]] = []

    def answer(sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        queries.append((sql, parameters))
        return []

    files = Files(MemoryWarehouse(answer=answer), "prod", LogWindow(NOON - timedelta(days=1), NOON))
    assert files.find(EVERY) == []
    assert files.latest_cleanup() is None
    for sql, parameters in queries:
        assert set(re.findall(r"@(\w+)", sql)) == set(parameters)
        assert parameters["environment"] == "prod"
        assert parameters["as_of"] == NOON
    assert len(queries) == 5


def test_files_are_grouped_by_path_even_with_only_a_receipt() -> None:
    def answer(sql: str, _parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        if "FROM nba_orchestration.scraper_execution_log" in sql:
            return [{"gcs_path": "gs://d/b", **ROW}, {"gcs_path": "gs://d/b", **ROW, "execution_id": "e-2"}]
        if "FROM nba_orchestration.file_receipts" in sql:
            receipt = {"processor": "injuries", "processed_at": NOON, "row_count": 3, "event_id": "r"}
            return [{"gcs_path": path, **receipt} for path in ("gs://d/b", "gs://d/a")]
        if "UNNEST(findings)" in sql:
            return [{"gcs_path": "gs://d/b", "cleanup_time": NOON, "kind": "given_up", "detail": "x"}]
        seen = {"cleanup_id": "c", "cleanup_time": NOON, "age_minutes": 60, "republished": True}
        return [{"gcs_path": path, **seen} for path in ("gs://d/b", "gs://d/unknown")]

    window = LogWindow(NOON - timedelta(days=1), NOON)
    one, two = Files(MemoryWarehouse(answer=answer), "prod", window).find(FileSelector.read("0123"))
    assert (one.gcs_path, len(one.wrote), len(one.receipts)) == ("gs://d/a", 0, 1)
    assert [item.execution_id for item in two.wrote] == ["e-1", "e-2"]
    assert [len(found) for found in (two.receipts, two.sightings, two.findings)] == [1, 1, 1]

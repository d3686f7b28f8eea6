"""What is read of the execution log."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tipoff_common.outcomes import FailureKind, Status
from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.execution_log import read_executions
from tipoff_planning.history import KnownCompleteness

DAY = date(2025, 1, 15)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "request_id": "r-1",
        "scraper_name": "lines",
        "game_date": DAY,
        "status": "failed",
        "error_type": "timeout",
        "source": "CONTROLLER",
        "triggered_at": datetime(2025, 1, 15, 17, tzinfo=UTC),
        "opts": '{"game_date": "2025-01-15", "game_id": "0022400561"}',
        "completeness": None,
        **changed,
    }


def test_a_row_is_a_fact_about_its_game() -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row()])
    (fact,) = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert (fact.status, fact.kind, fact.subject) == (Status.FAILED, FailureKind.TIMEOUT, "0022400561")


def test_what_ran_long_after_its_date_is_looked_for_as_far_as_is_told() -> None:
    asked: list[Any] = []
    warehouse = MemoryWarehouse(answer=lambda _sql, parameters: asked.append(parameters) or [])
    for until in (None, date(2025, 3, 1)):
        read_executions(warehouse, "local", [DAY], (), until)
    assert [item["last_partition"] for item in asked] == [date(2025, 1, 17), date(2025, 3, 1)]


@pytest.mark.parametrize(
    ("told", "completeness"),
    [
        (None, None),
        ("null", None),
        ('{"got": 9}', KnownCompleteness()),
        ('{"expected": 9, "got": 8, "missing": ["NYK@PHI"]}', KnownCompleteness(9, ("NYK@PHI",))),
    ],
)
def test_what_a_success_lacks_is_read(told: str | None, completeness: KnownCompleteness | None) -> None:
    made = row(status="success", error_type=None, completeness=told)
    (fact,) = read_executions(MemoryWarehouse(answer=lambda *_: [made]), "local", [DAY], ("game_id",))
    assert fact.completeness == completeness


@pytest.mark.parametrize("newer", [{"error_type": "captcha"}, {"source": "MARS"}])
def test_a_member_of_a_newer_version_is_read_as_itself(newer: dict[str, Any]) -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row(**newer)])
    (fact,) = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert {fact.kind, fact.source} >= set(newer.values())


@pytest.mark.parametrize(
    "unknown",
    [{"status": "partial"}, {"error_type": "no word"}, {"source": ""}, {"status": None}, {"game_date": None}],
)
def test_a_row_that_cannot_be_read_is_reported_and_blocks_nothing(
    unknown: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row(**unknown), row(request_id="r-2")])
    facts = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert [fact.request_id for fact in facts] == ["r-2"]
    assert "cannot be read" in caplog.text

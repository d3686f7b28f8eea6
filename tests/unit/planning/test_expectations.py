"""Tests of a day's expectations as the dataset returns them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.expectations import DayExpectations, read_expectations, read_locked

MONDAY, TUESDAY, WEDNESDAY = (date(2025, 1, day) for day in (13, 14, 15))
NIGHT = datetime(2025, 1, 15, 8, tzinfo=UTC)


def locked(*rows: tuple[date, str]) -> Mapping[date, frozenset[str]]:
    warehouse = MemoryWarehouse(
        answer=lambda *_: [{"date": day, "occurrence_id": occurrence} for day, occurrence in rows]
    )
    return read_locked(warehouse, "prod", MONDAY, WEDNESDAY, NIGHT)


def test_day_without_rows_before_a_locked_day_expects_nothing() -> None:
    assert locked((TUESDAY, "a"), (TUESDAY, "b")) == {MONDAY: frozenset(), TUESDAY: frozenset("ab")}


def test_each_day_has_its_own_locked_occurrences() -> None:
    assert locked((MONDAY, "a"), (TUESDAY, "b")) == {MONDAY: frozenset("a"), TUESDAY: frozenset("b")}


def test_day_not_yet_locked_is_omitted() -> None:
    """Before a day's lock, its windows are reported from the configuration, as in the controller."""
    assert WEDNESDAY not in locked((TUESDAY, "a"))


def test_no_rows_give_no_locked_days() -> None:
    assert locked() == {}


AS_OF = datetime(2025, 1, 15, 20, tzinfo=UTC)
MIDNIGHT = datetime(2025, 1, 15, 5, tzinfo=UTC)
"""Midnight in New York."""


def row(occurrence: str | None, scraper: str | None = "lines", **changes: Any) -> dict[str, Any]:
    expected = {
        "date": WEDNESDAY,
        "workflow_name": "odds",
        "occurrence_id": occurrence,
        "expected_run_time": AS_OF,
        "deadline": AS_OF,
        "games_today": None,
        "priority": None,
        "expected_reason": "at 15:00",
        "actual_run_time": None,
        "action": None,
        "reason_code": None,
        "actual_reason": None,
        "executions": 0,
        "found": False,
        "status": "PENDING",
        "next_check_time": None,
    }
    return {"idle": False, "last_decided_at": NIGHT, "scraper": scraper, "units": 2, **expected, **changes}


def read(*rows: dict[str, Any], **more: Any) -> tuple[DayExpectations, Mapping[str, Any]]:
    """Return the expectations that are read and the query's parameters."""
    arguments: list[Any] = []
    warehouse = MemoryWarehouse(answer=lambda _sql, parameters: arguments.append(parameters) or list(rows))
    return read_expectations(warehouse, "prod", WEDNESDAY, AS_OF, **more), arguments[0]


def test_the_steps_of_an_occurrence_are_gathered() -> None:
    found, _ = read(row("a", "lines"), row("a", "props"), row("b", "lines"), row("c", None))
    assert [(item.occurrence_id, [step.scraper for step in item.steps]) for item in found.expectations] == [
        ("a", ["lines", "props"]),
        ("b", ["lines"]),
        ("c", []),
    ]
    assert found.expectations[0].steps[0].units == 2
    assert found.last_decided_at == NIGHT


def test_the_same_occurrence_of_two_days_is_two_expectations() -> None:
    found, _ = read(row("a"), row("a", date=TUESDAY))
    assert [item.date for item in found.expectations] == [WEDNESDAY, TUESDAY]


@pytest.mark.parametrize("idle", [True, False])
def test_day_without_expectations_has_last_decision_and_idle_flag(idle: bool) -> None:
    found, _ = read(row(None, None, idle=idle))
    assert (found.expectations, found.last_decided_at, found.idle) == ((), NIGHT, idle)


def test_empty_result_has_no_last_decision() -> None:
    found, _ = read()
    assert (found.expectations, found.last_decided_at, found.idle) == ((), None, False)


def test_partitions_cover_all_rows_of_a_day() -> None:
    """Partitions are UTC days: New York's evening is already in the next one, and the night in the day after."""
    _, arguments = read()
    assert (arguments["first_partition"], arguments["last_partition"]) == (
        date(2025, 1, 14),
        date(2025, 1, 17),
    )
    assert (arguments["night"], arguments["with_night"]) == (TUESDAY, False)
    assert arguments["lock"] == datetime(2025, 1, 15, 10, tzinfo=UTC)


def test_previous_night_is_queried_if_midnight_is_given() -> None:
    _, arguments = read(midnight=MIDNIGHT)
    assert (arguments["with_night"], arguments["midnight"]) == (True, MIDNIGHT)
    assert arguments["first_partition"] == date(2025, 1, 13)

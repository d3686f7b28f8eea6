"""Tests of the rows' content; tests/contract checks that a row has the declared columns."""

from typing import Any

import pytest

from tests.support.samples import NOON, PATH, SAMPLES, cleaned, decided, executed, locked, rejected
from tipoff_common.events import Event
from tipoff_common.outcomes import FailureKind
from tipoff_common.rows import (
    TABLES,
    UNKNOWN_FIELDS,
    cleanup_row,
    decision_row,
    execution_row,
    schedule_rows,
    unknown_fields,
)

FAILED = {"status": "failed", "kind": "blocked", "message": "403 for all"}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_a_row_carries_its_event_and_when_it_was_written(model: type[Event]) -> None:
    event = SAMPLES[model]()
    batch = TABLES[model](event, NOON)
    assert {(row["event_id"], row["created_at"]) for row in batch.rows} == {(event.id, NOON)}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_a_row_written_twice_has_one_id(model: type[Event]) -> None:
    """Redelivery multiplied the rows; locking twice doubled the schedule (incidents 16, 35)."""
    first, again = (TABLES[model](SAMPLES[model](), NOON).ids for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"status": "success", "record_count": 3, "gcs_path": PATH}, ("success", PATH, None, None)),
        ({"status": "no_data", "reason": "not out yet"}, ("no_data", None, None, None)),
        (FAILED, ("failed", None, "blocked", "403 for all")),
    ],
    ids=["success", "no_data", "failed"],
)
def test_each_outcome_fills_its_own_columns(outcome: dict[str, Any], told: tuple[str | None, ...]) -> None:
    row = execution_row(executed(outcome=outcome), NOON)
    assert tuple(row[name] for name in ("status", "gcs_path", "error_type", "error_message")) == told


@pytest.mark.parametrize("kind", FailureKind)
def test_an_error_row_has_its_error(kind: FailureKind) -> None:
    """An error row had no error (incident 28)."""
    row = execution_row(executed(outcome={**FAILED, "kind": kind}), NOON)
    assert (row["status"], row["error_type"], row["error_message"]) == ("failed", kind.value, "403 for all")


def test_a_schedule_has_a_row_an_expectation() -> None:
    assert [row["schedule_row_id"] for row in schedule_rows(locked(), NOON)] == ["row-1", "row-2"]
    assert TABLES[type(locked())](locked(), NOON).ids == ("row-1", "row-2")


def test_a_day_without_expectations_has_no_rows() -> None:
    batch = TABLES[type(locked())](locked(runs=[]), NOON)
    assert (batch.rows, batch.ids) == ((), ())


def test_a_cleanup_counts_what_it_lists() -> None:
    row = cleanup_row(cleaned(), NOON)
    assert row["missing_files_found"] == len(row["missing_files"]) == 1
    assert row["missing_files"][0]["gcs_path"] == PATH


def test_a_trace_is_a_join() -> None:
    """Decision and execution rows join by the same ids."""
    decision, execution = decision_row(decided(), NOON), execution_row(executed(), NOON)
    for name in ("occurrence_id", "decision_id", "config_hash"):
        assert decision[name] == execution[name] is not None


def test_a_dead_letters_row_is_found_by_its_rejection() -> None:
    batch = TABLES[type(rejected())](rejected(), NOON)
    assert batch.table == "dead_letters"
    assert batch.ids == (rejected().id,)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_what_a_newer_producer_adds_is_kept_in_the_row(model: type[Event]) -> None:
    batch = TABLES[model](SAMPLES[model](weather="snow"), NOON)
    assert batch.unknown == {"weather": "snow"}
    assert batch.rows
    for row in batch.rows:
        assert "weather" not in row
        assert row[batch.unknown_kept_in][UNKNOWN_FIELDS] == {"weather": "snow"}


def test_what_a_newer_producer_adds_to_one_run_is_kept_in_its_row() -> None:
    first, second = locked().runs
    event = locked(runs=[first, {**second.model_dump(), "note": "late"}], colour="red")
    kept = [row["extra"][UNKNOWN_FIELDS] for row in TABLES[type(event)](event, NOON).rows]
    assert kept == [{"colour": "red"}, {"colour": "red", "note": "late"}]


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_an_event_of_this_version_has_nothing_unknown(model: type[Event]) -> None:
    assert TABLES[model](SAMPLES[model](), NOON).unknown == {}


def test_what_is_unknown_inside_is_named_by_its_path() -> None:
    run = {**locked().runs[0].model_dump(), "note": "late"}
    assert unknown_fields(locked(runs=[run], colour="red")) == {"colour": "red", "runs.0.note": "late"}

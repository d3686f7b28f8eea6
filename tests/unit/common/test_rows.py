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
def test_row_has_event_id_and_write_time(model: type[Event]) -> None:
    event = SAMPLES[model]()
    batch = TABLES[model](event, NOON)
    assert {(row["event_id"], row["created_at"]) for row in batch.rows} == {(event.id, NOON)}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_row_keeps_its_id_when_written_again(model: type[Event]) -> None:
    """Redelivery multiplied the rows; locking twice doubled the schedule (incidents 16, 35)."""
    first, again = (TABLES[model](SAMPLES[model](), NOON).ids for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"status": "success", "record_count": 3, "gcs_path": PATH}, ("success", PATH, None, None)),
        ({"status": "no_data", "reason": "not out yet"}, ("no_data", None, None, None)),
        (FAILED, ("failed", None, "blocked", "403 for all")),
    ],
    ids=["success", "no_data", "failed"],
)
def test_each_outcome_fills_its_own_columns(
    outcome: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    row = execution_row(executed(outcome=outcome), NOON)
    assert tuple(row[name] for name in ("status", "gcs_path", "error_type", "error_message")) == expected


@pytest.mark.parametrize("kind", FailureKind)
def test_failed_row_has_error_type_and_message(kind: FailureKind) -> None:
    """An error row had no error (incident 28)."""
    row = execution_row(executed(outcome={**FAILED, "kind": kind}), NOON)
    assert (row["status"], row["error_type"], row["error_message"]) == ("failed", kind.value, "403 for all")


def test_schedule_has_a_row_for_each_expected_run() -> None:
    assert [row["schedule_row_id"] for row in schedule_rows(locked(), NOON)] == ["row-1", "row-2"]
    assert TABLES[type(locked())](locked(), NOON).ids == ("row-1", "row-2")


def test_schedule_without_expected_runs_has_no_rows() -> None:
    batch = TABLES[type(locked())](locked(runs=[]), NOON)
    assert (batch.rows, batch.ids) == ((), ())


def test_cleanup_row_count_equals_listed_files() -> None:
    row = cleanup_row(cleaned(), NOON)
    assert row["missing_files_found"] == len(row["missing_files"]) == 1
    assert row["missing_files"][0]["gcs_path"] == PATH


def test_decision_and_execution_rows_share_ids() -> None:
    """Decision and execution rows join by the same ids."""
    decision, execution = decision_row(decided(), NOON), execution_row(executed(), NOON)
    for name in ("occurrence_id", "decision_id", "config_hash"):
        assert decision[name] == execution[name] is not None


def test_dead_letter_row_id_is_the_rejection_id() -> None:
    batch = TABLES[type(rejected())](rejected(), NOON)
    assert batch.table == "dead_letters"
    assert batch.ids == (rejected().id,)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_unknown_event_fields_are_kept_in_the_row(model: type[Event]) -> None:
    batch = TABLES[model](SAMPLES[model](weather="snow"), NOON)
    assert batch.unknown == {"weather": "snow"}
    assert batch.rows
    for row in batch.rows:
        assert "weather" not in row
        assert row[batch.unknown_kept_in][UNKNOWN_FIELDS] == {"weather": "snow"}


def test_unknown_run_fields_are_kept_in_the_runs_row() -> None:
    first, second = locked().runs
    event = locked(runs=[first, {**second.model_dump(), "note": "late"}], colour="red")
    kept = [row["extra"][UNKNOWN_FIELDS] for row in TABLES[type(event)](event, NOON).rows]
    assert kept == [{"colour": "red"}, {"colour": "red", "note": "late"}]


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_event_of_current_version_has_no_unknown_fields(model: type[Event]) -> None:
    assert TABLES[model](SAMPLES[model](), NOON).unknown == {}


def test_nested_unknown_field_is_named_by_its_path() -> None:
    run = {**locked().runs[0].model_dump(), "note": "late"}
    assert unknown_fields(locked(runs=[run], colour="red")) == {"colour": "red", "runs.0.note": "late"}

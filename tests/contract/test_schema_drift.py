"""The services' rows, compared with the columns that the SQL files declare."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.samples import NOON, SAMPLES, cleaned, executed
from tests.support.strategies import payloads
from tipoff_common.events import EVENTS, Event
from tipoff_common.rows import TABLES, TableRows
from tipoff_dataset.files import declared_tables

DECLARED = declared_tables()


def fits(value: object, kind: str) -> bool:
    """Return whether BigQuery accepts `value` for a column of this type."""
    match kind:
        case "STRING":
            return isinstance(value, str)
        case "INTEGER":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "FLOAT":
            return isinstance(value, float | int) and not isinstance(value, bool)
        case "BOOLEAN":
            return isinstance(value, bool)
        case "TIMESTAMP":
            return isinstance(value, datetime) and value.utcoffset() == UTC.utcoffset(None)
        case "DATE":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "JSON":
            return isinstance(value, Mapping)
    raise AssertionError(f"no rule for the type {kind}")


def faults(row: Mapping[str, Any], fields: Any, within: str = "") -> list[str]:
    """Return the differences between `row` and these columns."""
    columns = {field.name: field for field in fields}
    found = [
        f"{within}{name}: in one of row and SQL file only" for name in sorted(row.keys() ^ columns.keys())
    ]
    for name in row.keys() & columns.keys():
        field, value, where = columns[name], row[name], f"{within}{name}"
        if field.mode == "REPEATED" and not isinstance(value, list):
            found.append(f"{where}: {value!r} is not a list")
            continue
        items = value if field.mode == "REPEATED" else [value]
        for item in items:
            if item is None and field.mode == "NULLABLE":
                continue
            if field.type == "RECORD":
                found += faults(item, field.fields, f"{where}.")
            elif not fits(item, field.type):
                found.append(f"{where}: {item!r} does not fit {field.type} {field.mode}")
    return found


def drift(batch: TableRows) -> list[str]:
    return [fault for row in batch.rows for fault in faults(row, DECLARED[batch.table].fields)]


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_sample_event_has_exactly_the_declared_columns(model: type[Event]) -> None:
    batch = TABLES[model](SAMPLES[model](), NOON)
    assert batch.rows
    assert drift(batch) == []
    assert len(batch.ids) == len(batch.rows)


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
@settings(max_examples=examples(25))
@given(data=st.data())
def test_any_event_has_rows_fitting_the_columns(model: type[Event], data: st.DataObject) -> None:
    batch = TABLES[model](data.draw(payloads(model)), NOON)
    assert drift(batch) == []


@pytest.mark.parametrize(
    "outcome",
    [
        {"status": "no_data", "reason": "not out yet"},
        {"status": "failed", "kind": "blocked", "message": "403"},
    ],
    ids=lambda outcome: outcome["status"],
)
def test_execution_without_file_fits_the_columns(outcome: dict[str, str]) -> None:
    assert drift(TABLES[type(executed())](executed(outcome=outcome), NOON)) == []


def test_missing_files_of_cleanup_match_declared_record() -> None:
    (row,) = TABLES[type(cleaned())](cleaned(), NOON).rows
    (file,) = row["missing_files"]
    (column,) = (field for field in DECLARED["cleanup_operations"].fields if field.name == "missing_files")
    assert list(file) == [field.name for field in column.fields]


def test_every_table_is_written_by_an_event() -> None:
    written = {TABLES[model](SAMPLES[model](), NOON).table for model in TABLES}
    assert written == set(DECLARED)


def test_every_column_has_a_description() -> None:
    columns = [(name, field) for name, table in DECLARED.items() for field in table.fields]
    nested = [(f"{name}.{field.name}", inner) for name, field in columns for inner in field.fields]
    assert [f"{name}.{field.name}" for name, field in columns + nested if not field.description] == []


def test_every_event_has_a_sample() -> None:
    assert set(SAMPLES) == set(EVENTS.values())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"retry_count": "3"}, "retry_count: '3' does not fit INTEGER NULLABLE"),
        ({"execution_id": None}, "execution_id: None does not fit STRING REQUIRED"),
        ({"colour": "red"}, "colour: in one of row and SQL file only"),
        ({"triggered_at": NOON.replace(tzinfo=None)}, "triggered_at"),
        ({"game_date": NOON}, "game_date"),
    ],
)
def test_row_drift_is_reported(change: Mapping[str, Any], fault: str) -> None:
    (row,) = TABLES[type(executed())](executed(), NOON).rows
    (found,) = faults({**row, **change}, DECLARED["scraper_execution_log"].fields)
    assert found.startswith(fault)

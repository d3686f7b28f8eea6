"""Tests of the read model of an execution row, for both forms in which a warehouse returns it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tipoff_common.execution_row import ExecutionRow

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)


def row(**columns: Any) -> ExecutionRow:
    given = {"execution_id": "e-1", "scraper_name": "lines", "status": "success", "source": "CONTROLLER"}
    return ExecutionRow.model_validate({**given, "triggered_at": NOON, **columns})


@pytest.mark.parametrize(
    "value", [NOON, "2025-01-15T12:00:00Z", "2025-01-15 12:00:00+00", "2025-01-15T07:00:00-05"]
)
def test_instant_is_read_in_every_warehouse_format(value: datetime | str) -> None:
    assert row(triggered_at=value).triggered_at == NOON


@pytest.mark.parametrize("value", [{"added": ["x"]}, '{"added": ["x"]}'])
def test_json_column_is_read_from_object_or_text(value: Any) -> None:
    found = row(drift=value, opts=value, data_summary=value)
    assert found.drift == found.opts == found.data_summary == {"added": ["x"]}
    assert found.has_drifted


@pytest.mark.parametrize("value", [None, "null", "[1]", "cut off {", 7])
def test_non_object_json_column_reads_as_empty(value: Any) -> None:
    found = row(drift=value, opts=value, data_summary=value)
    assert (found.drift, found.opts, found.data_summary) == (None, {}, {})
    assert not found.has_drifted


def test_empty_lists_are_no_drift() -> None:
    assert not row(drift={"added": [], "gone": []}).has_drifted


def test_row_without_completion_time_ends_at_its_start() -> None:
    assert row().ended_at == NOON
    assert row(completed_at="2025-01-15T12:00:30Z").ended_at > NOON


def test_unknown_values_of_newer_version_are_kept() -> None:
    found = row(status="partial", error_type="captcha", invented_later=1)
    assert (found.status, found.error_type) == ("partial", "captcha")

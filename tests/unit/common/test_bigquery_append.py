"""Tests of appends to BigQuery: the adapter's errors for each documented answer."""

import socket
from typing import Any

import pytest
from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, ServiceUnavailable
from requests.exceptions import ConnectionError as Unreachable

from tests.support.samples import NOON, executed
from tipoff_common.adapters import bigquery
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.ports import BatchRefused, RowsRefused, Unavailable
from tipoff_common.rows import execution_row

INVALID = {"reason": "invalid", "location": "retry_count", "debugInfo": "", "message": "out of range"}
STOPPED = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
NO_COLUMN = {
    "reason": "invalid",
    "location": "attempt",
    "debugInfo": "",
    "message": "no such field: attempt.",
}
TIMED_OUT = {"reason": "timeout", "location": "", "debugInfo": "", "message": ""}


class TooLarge(GoogleAPICallError):
    code = 413


class Answering:
    """A client that always gives the same answer and records the request."""

    def __init__(self, answer: list[dict[str, Any]] | Exception) -> None:
        self.answer = answer
        self.arguments: dict[str, Any] = {}

    def insert_rows_json(self, _table: Any, rows: list[dict[str, Any]], **options: Any) -> Any:
        self.arguments = {"rows": rows, **options}
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_hanging_warehouse_times_out_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server accepts the request and never answers, so the rows may be stored or not."""
    monkeypatch.setattr(bigquery, "_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{hanging.getsockname()[1]}")
        warehouse = BigQueryWarehouse("p", "set")
        with pytest.raises(Unavailable, match="timed out"):
            warehouse.append("scraper_execution_log", [execution_row(executed(), NOON)], ["a"])
        warehouse._client.close()


def append(answer: list[dict[str, Any]] | Exception) -> Answering:
    warehouse = BigQueryWarehouse("p", "http://127.0.0.1:9")
    client = Answering(answer)
    warehouse._client = client
    warehouse.append("scraper_execution_log", [execution_row(executed(), NOON)] * 2, ["a", "b"])
    return client


def test_append_skips_invalid_rows_and_sends_row_ids() -> None:
    arguments = append([]).arguments
    assert arguments["skip_invalid_rows"] is True
    assert arguments["row_ids"] == ["a", "b"]


def test_columns_are_encoded_for_insert_all() -> None:
    (row, _) = append([]).arguments["rows"]
    assert row["triggered_at"] == "2025-01-15T17:00:00+00:00"
    assert row["game_date"] == "2025-01-15"
    assert row["data_summary"] == '{"record_count": 3}'
    assert row["error_type"] is None
    assert (row["attempt"], row["recovery"], row["duration_seconds"]) == (1, False, 2.0)


def test_invalid_rows_are_refused_by_index() -> None:
    with pytest.raises(RowsRefused) as refused:
        append([{"index": 1, "errors": [INVALID]}])
    assert list(refused.value.errors) == [1]
    assert "out of range" in refused.value.errors[1]


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        ([{"index": 0, "errors": [INVALID]}, {"index": 1, "errors": [STOPPED]}], BatchRefused),
        ([{"index": 0, "errors": [NO_COLUMN]}], Unavailable),
        ([{"index": 0, "errors": [TIMED_OUT]}], Unavailable),
        ([{"index": 0, "errors": [INVALID]}, {"index": 1, "errors": [TIMED_OUT]}], Unavailable),
        (BadRequest("Invalid JSON payload received"), BatchRefused),
        (TooLarge("Request payload size exceeds the limit"), BatchRefused),
        (ServiceUnavailable("try again"), Unavailable),
        (Forbidden("quotaExceeded"), Unavailable),
        (Unreachable("refused"), Unavailable),
    ],
    ids=lambda value: str(value)[:40] if not isinstance(value, type) else value.__name__,
)
def test_non_row_append_error_is_unavailable_or_batch_refused(answer: Any, raised: type[Exception]) -> None:
    """An outage, a quota or a table older than the service must not reject good rows."""
    with pytest.raises(raised):
        append(answer)

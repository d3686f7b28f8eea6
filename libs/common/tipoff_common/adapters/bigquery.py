"""The warehouse on google-cloud-bigquery.

Rows are appended by tabledata.insertAll
(https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll), for the reasons in
docs/adr/0011-how-rows-are-appended.md. JSON columns take their value as JSON text
(https://cloud.google.com/bigquery/docs/json-data).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NoReturn

from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from requests.exceptions import RequestException

from tipoff_common.fleet_sql import for_fleet
from tipoff_common.ports import DATASET, BatchRefused, Parameter, Row, RowsRefused, Unavailable

_TIMEOUT_SECONDS = 20.0
_RETRY_SECONDS = 5.0  # for a brief fault; an outage is left to redelivery
_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
_PLAIN_TYPES = (str, int, float, type(None))
_FAULTS = (GoogleAPIError, GoogleAuthError, RequestException, TimeoutError)
_NO_RETRY = Retry(predicate=if_exception_type())
_REFUSALS = (400, 413)
"""HTTP statuses of a malformed or too large request; a retry would fail again."""


class BigQueryWarehouse:
    """One dataset of one project. Queries name `nba_orchestration`; `for_fleet` replaces that by the dataset's name."""

    def __init__(self, project: str, emulator: str | None = None, dataset: str = DATASET) -> None:
        self._dataset = bigquery.DatasetReference(project, dataset)
        self._client = bigquery.Client(
            project=project, credentials=AnonymousCredentials() if emulator else None
        )

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        """See `Warehouse.append`."""
        try:
            errors = self._client.insert_rows_json(
                self._dataset.table(table),
                [_wire(row) for row in rows],
                row_ids=list(row_ids),
                # BigQuery then stores the valid rows of a batch, and reports only the others.
                skip_invalid_rows=True,
                # Redelivery is the retry; the client's own retries could outlast the push deadline.
                retry=_NO_RETRY,
                timeout=_TIMEOUT_SECONDS,
            )
        except _FAULTS as error:
            if isinstance(error, GoogleAPICallError) and error.code in _REFUSALS:
                raise BatchRefused(f"BigQuery refused an append to {table}: {error}") from error
            raise Unavailable(f"BigQuery did not append to {table}: {error}") from error
        if errors:
            _raise_refusal(table, errors)

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        """See `Warehouse.query`."""
        return [row for page in self._pages(sql, parameters, None) for row in page]

    def pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int
    ) -> Iterator[list[dict[str, Any]]]:
        """See `Warehouse.pages`."""
        return self._pages(sql, parameters, page_rows)

    def _pages(
        self, sql: str, parameters: Mapping[str, Parameter], page_rows: int | None
    ) -> Iterator[list[dict[str, Any]]]:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
        )
        retry = Retry(deadline=_RETRY_SECONDS)
        try:
            rows = self._client.query_and_wait(
                for_fleet(sql, self._dataset.dataset_id),
                job_config=config,
                api_timeout=_TIMEOUT_SECONDS,
                wait_timeout=2 * _TIMEOUT_SECONDS,
                retry=retry,
                # The caller repeats a failed query itself, with the instant of that time.
                job_retry=_NO_RETRY,
                page_size=page_rows,
            )
            for page in rows.pages:
                yield [dict(row.items()) for row in page]
        except _FAULTS as error:
            raise Unavailable(f"BigQuery did not answer a query: {error}") from error

    def check(self) -> None:
        """See `Warehouse.check`."""
        try:
            self._client.get_dataset(self._dataset, timeout=5.0, retry=_NO_RETRY)
        except _FAULTS as error:
            raise Unavailable(f"dataset {self._dataset.dataset_id} cannot be read: {error}") from error


def _raise_refusal(table: str, answer: Sequence[Mapping[str, Any]]) -> NoReturn:
    """Raise RowsRefused for rows that can never be stored, BatchRefused for a stopped append, else Unavailable.

    Reasons: https://cloud.google.com/bigquery/docs/error-messages. A valid row beside an invalid one has the reason
    "stopped". A row's columns never depend on its event, so a missing column is not the row's fault: the table is
    older than the service, or BigQuery's streaming system has not seen the new column yet.
    """
    errors = [(item["index"], error) for item in answer for error in item["errors"]]
    reasons = {error.get("reason") for _, error in errors}
    details = json.dumps(errors[0][1])
    if any(error.get("message", "").startswith("no such field") for _, error in errors):
        raise Unavailable(
            f"{table} lacks a column; deploy its schema, or wait some minutes if it was just deployed: {details}"
        )
    if "stopped" in reasons:
        raise BatchRefused(f"BigQuery stopped an append to {table}: {details}")
    if reasons != {"invalid"}:
        raise Unavailable(f"BigQuery did not append all rows to {table}: {details}")
    raise RowsRefused(table, {item["index"]: json.dumps(item["errors"]) for item in answer})


def _wire(row: Row) -> dict[str, Any]:
    """Convert a row for insertAll. A hot path: most values pass through without a function call."""
    return {
        name: value if isinstance(value, _PLAIN_TYPES) else _wire_value(value) for name, value in row.items()
    }


def _wire_value(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _JSON.encode(value)
    if isinstance(value, list | tuple):
        return [_wire(item) if isinstance(item, Mapping) else _wire_value(item) for item in value]
    return value


def _parameter(name: str, value: Parameter) -> bigquery.ArrayQueryParameter | bigquery.ScalarQueryParameter:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return bigquery.ArrayQueryParameter(name, _type(value[0]) if value else "STRING", list(value))
    return bigquery.ScalarQueryParameter(name, _type(value), value)


def _type(value: object) -> str:
    for kind, name in (
        # bool is a subclass of int, and datetime of date, hence they come first.
        (bool, "BOOL"),
        (int, "INT64"),
        (float, "FLOAT64"),
        (datetime, "TIMESTAMP"),
        (date, "DATE"),
        (str, "STRING"),
    ):
        if isinstance(value, kind):
            return name
    raise TypeError(f"no BigQuery type for {type(value).__name__}")

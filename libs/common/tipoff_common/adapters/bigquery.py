"""The warehouse on google-cloud-bigquery.

Rows are appended by tabledata.insertAll. JSON columns take their value as JSON text
(https://cloud.google.com/bigquery/docs/json-data).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from requests.exceptions import RequestException

from tipoff_common.ports import DATASET, Parameter, Row, RowsRefused, Unavailable

_TIMEOUT_SECONDS = 20.0
_NO_RETRY = Retry(predicate=if_exception_type())


class BigQueryWarehouse:
    """The dataset `nba_orchestration` of one project; queries name its tables `nba_orchestration.<table>`."""

    def __init__(self, project: str, emulator: str | None = None) -> None:
        self._dataset = bigquery.DatasetReference(project, DATASET)
        self._client = bigquery.Client(
            project=project, credentials=AnonymousCredentials() if emulator else None
        )

    def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        try:
            errors = self._client.insert_rows_json(
                self._dataset.table(table),
                [_wire(row) for row in rows],
                row_ids=list(row_ids),
                retry=_NO_RETRY,
                timeout=_TIMEOUT_SECONDS,
            )
        except (GoogleAPIError, RequestException) as error:
            raise Unavailable(f"BigQuery did not append to {table}: {error}") from error
        refused = {item["index"]: json.dumps(item["errors"]) for item in errors if not _only_stopped(item)}
        if refused:
            raise RowsRefused(table, refused)

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
        )
        retry = Retry(deadline=_TIMEOUT_SECONDS)
        try:
            rows = self._client.query_and_wait(
                sql,
                job_config=config,
                api_timeout=_TIMEOUT_SECONDS,
                wait_timeout=2 * _TIMEOUT_SECONDS,
                retry=retry,
                job_retry=_NO_RETRY,
            )
            return [dict(row.items()) for row in rows]
        except (GoogleAPIError, RequestException, TimeoutError) as error:
            raise Unavailable(f"BigQuery did not answer a query: {error}") from error

    def check(self) -> None:
        try:
            self._client.get_dataset(self._dataset, timeout=5.0, retry=_NO_RETRY)
        except (GoogleAPIError, RequestException) as error:
            raise Unavailable(f"dataset {self._dataset.dataset_id} cannot be read: {error}") from error


def _only_stopped(item: Mapping[str, Any]) -> bool:
    """Rows beside a refused one come back as "stopped": not appended, and nothing wrong with them."""
    return all(error.get("reason") == "stopped" for error in item["errors"])


def _wire(row: Row) -> dict[str, Any]:
    return {name: _wire_value(value) for name, value in row.items()}


def _wire_value(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, list | tuple):
        return [_wire(item) if isinstance(item, Mapping) else _wire_value(item) for item in value]
    return value


def _parameter(name: str, value: Parameter) -> bigquery.ArrayQueryParameter | bigquery.ScalarQueryParameter:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return bigquery.ArrayQueryParameter(name, _type(value[0]) if value else "STRING", list(value))
    return bigquery.ScalarQueryParameter(name, _type(value), value)


def _type(value: object) -> str:
    for kind, name in (
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

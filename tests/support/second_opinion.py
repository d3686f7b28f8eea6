"""The comparison of the embedded warehouse's answers with those of Google's reference implementation."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
from google.cloud import bigquery

from tests.support.reference_engine import ReferenceEngine, TypedValue
from tipoff_common.ports import DATASET

QUERY = bigquery.Client.query_and_wait
"""The client's own method, for tests on tables that the engine does not know."""


@contextmanager
def compared(engine: ReferenceEngine, url: str) -> Iterator[None]:
    """Execute each query of the warehouse at this URL on the reference engine as well, and compare the rows.

    The engine gets the rows that clients of the warehouse appended. Fails where the two disagree.
    """
    tables: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    append, query = bigquery.Client.insert_rows_json, bigquery.Client.query_and_wait

    def remembering_append(client: Any, table: Any, rows: Sequence[Any], **options: Any) -> Any:
        faults = append(client, table, rows, **options)
        refused = {fault["index"] for fault in faults}
        if _asks(client, url) and not (refused and not options.get("skip_invalid_rows")):
            path = table if isinstance(table, str) else f"{table.project}.{table.dataset_id}.{table.table_id}"
            project, _, name = path.split(".")
            tables[project][name] += [row for index, row in enumerate(rows) if index not in refused]
        return faults

    def comparing_query(client: Any, sql: str, **options: Any) -> Any:
        answer = query(client, sql, **options)
        if not (_asks(client, url) and _evaluable(sql)):
            return answer
        read = _ReadAnswer(answer)
        config = options.get("job_config")
        given = {item.name: _typed(item) for item in (config.query_parameters if config else ())}
        answered = [dict(row.items()) for row in read]
        referred = engine.evaluate(sql, tables[client.project], given)
        assert comparable(answered) == comparable(referred), f"Google's engine differs on:\n{sql}"
        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bigquery.Client, "insert_rows_json", remembering_append)
        patch.setattr(bigquery.Client, "query_and_wait", comparing_query)
        yield


class _ReadAnswer:
    """A result that was read: it can be iterated any number of times, and the client's own only once."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._pages = [list(page) for page in answer.pages]

    @property
    def pages(self) -> Iterator[list[Any]]:
        return iter(self._pages)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._pages)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)


def _asks(client: Any, url: str) -> bool:
    return bool(client._connection.API_BASE_URL.rstrip("/") == url.rstrip("/"))


def _evaluable(sql: str) -> bool:
    """Return whether the reference engine can execute a statement: a query over the dataset of supported features."""
    is_query = DATASET in sql and sql.lstrip("- \n").upper().startswith(("SELECT", "WITH"))
    return is_query and not any(name in sql for name in ("INFORMATION_SCHEMA", "APPROX_QUANTILES"))


def _typed(parameter: Any) -> TypedValue:
    if isinstance(parameter, bigquery.ArrayQueryParameter):
        return TypedValue(parameter.array_type, parameter.values, repeated=True)
    return TypedValue(parameter.type_, parameter.value)


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows in a fixed order, as a query may leave it open, and floats to nine digits."""
    return sorted(repr(_rounded(row)) for row in rows)


def _rounded(value: Any) -> Any:
    match value:
        case dict():
            return {name: _rounded(item) for name, item in value.items()}
        case list():
            return [_rounded(item) for item in value]
        case float() if math.isfinite(value):
            return float(f"{value:.9g}")
    return value

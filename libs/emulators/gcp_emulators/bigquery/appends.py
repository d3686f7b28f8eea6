"""Repairs of the Storage Write interface and of load jobs."""

import functools
from typing import Any

import bqemulator.api.routes.tabledata as tabledata
import bqemulator.api.routes.upload as upload
import bqemulator.grpc_api.write_servicer as write_servicer
import pyarrow as pa

from gcp_emulators.bigquery.patches import replace

_DETAIL_LIMIT = 300


def keep_offset_of_failed_append() -> None:
    """Fault: an append that fails has already advanced the stream's offset, so repeating it is refused.

    The repair restores the stream's offset, and puts the error into the response, as the real service does.
    """

    def restoring(perform: Any) -> Any:
        @functools.wraps(perform)
        def perform_append(self: Any, stream: Any, rows: Any, offset: int | None, most_rows: int) -> Any:
            before = stream.next_offset, stream.row_count
            try:
                return perform(self, stream, rows, offset, most_rows)
            except Exception as error:  # noqa: BLE001 - any error of DuckDB becomes the response
                stream.next_offset, stream.row_count = before
                return write_servicer._error_response(stream.name, str(error)[:_DETAIL_LIMIT])

        return perform_append

    replace(write_servicer.BigQueryWriteHandler, "_perform_append", restoring)


def accept_stream_name_once() -> None:
    """Fault: every request of a connection must name the stream, while clients name it in the first only."""

    def remembering(bind: Any) -> Any:
        @functools.wraps(bind)
        def ensure_stream_bound(self: Any, stream_name: str, bound: Any, context: Any) -> Any:
            if bound is not None and not stream_name:
                return bound
            return bind(self, stream_name, bound, context)

        return ensure_stream_bound

    replace(write_servicer.BigQueryWriteHandler, "_ensure_stream_bound", remembering)


def append_nested_records() -> None:
    """Fault: the target schema is built without nested fields, so ARRAY<STRUCT> arrives as empty structs."""

    replace(write_servicer, "_table_arrow_schema", lambda _: arrow_schema)


def arrow_schema(table: Any) -> Any:
    """Return the Arrow schema of a table of the catalogue, nested fields included."""
    fields: list[Any] = [*tabledata._fields_raw_from_schema(table.schema_.fields)]
    return tabledata._build_arrow_schema(fields)


def append_absent_arrays_as_empty() -> None:
    """Fault: an array that is missing in an appended row becomes NULL, which BigQuery's arrays never are."""

    def filling(perform: Any) -> Any:
        @functools.wraps(perform)
        def perform_append(self: Any, stream: Any, rows: Any, *rest: Any) -> Any:
            return perform(self, stream, without_null_arrays(rows), *rest)

        return perform_append

    replace(write_servicer.BigQueryWriteHandler, "_perform_append", filling)


def without_null_arrays(rows: Any) -> Any:
    """Return the Arrow table with empty arrays in place of NULL."""
    for index, field in enumerate(rows.schema):
        column = rows.column(index)
        if pa.types.is_list(field.type) and column.null_count:
            filled = [[] if value is None else value for value in column.to_pylist()]
            rows = rows.set_column(index, field, pa.array(filled, type=field.type))
    return rows


def accept_load_from_json() -> None:
    """Fault: load_table_from_json labels its media part */*, which the upload route refuses."""
    replace(upload, "_PERMITTED_MEDIA_CONTENT_TYPES", lambda types: (*types, "*/*"))

"""The repair of insertAll."""

from typing import Annotated, Any
from uuid import uuid4

import bqemulator.api.routes.tabledata as tabledata
import pyarrow as pa
from bqemulator.api.dependencies import AppContext, get_context
from bqemulator.domain.errors import ResourceRef, ValidationError, resource_not_found
from bqemulator.storage.arrow_bridge import bq_rows_to_arrow
from bqemulator.storage.sql_identifiers import quoted_table_ref, register_name
from fastapi import Depends, Request

from gcp_emulators.bigquery.appends import arrow_schema
from gcp_emulators.bigquery.patches import replace_route
from gcp_emulators.bigquery.values import CONVERTED, RowProblem, convert_record

_PATH = "/projects/{project_id}/datasets/{dataset_id}/tables/{table_id}/insertAll"
_KIND = "bigquery#tableDataInsertAllResponse"
_STOPPED = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}

_FEW_ROWS = 4
"""Up to this many rows are bound as parameters: registering an Arrow table costs DuckDB more than inserting one row,
and less than inserting ten."""

Errors = list[dict[str, Any]]


def answer_rows_one_by_one() -> None:
    """Fault: one bad row makes the whole request HTTP 500, and unknown fields are dropped silently.

    As documented: 200 with `insertErrors` for each bad row. Then nothing is inserted and the other rows read
    `stopped`, unless skipInvalidRows is set; unknown fields are errors unless ignoreUnknownValues is set.
    """
    replace_route(tabledata.router, _PATH, insert_all)


async def insert_all(
    project_id: str,
    dataset_id: str,
    table_id: str,
    request: Request,
    context: Annotated[AppContext, Depends(get_context)],
) -> dict[str, Any]:
    """Stream rows into a table: tabledata.insertAll."""
    table = context.catalog.get_table(project_id, dataset_id, table_id)
    if table is None:
        raise resource_not_found(ResourceRef("table", project_id, dataset_id, table_id))
    body = await request.json()
    rows = body.get("rows") or []
    if not rows:
        raise ValidationError("Request contains no rows")
    converted, errors = _convert_rows(rows, table, ignore_unknown=bool(body.get("ignoreUnknownValues")))
    if errors and not body.get("skipInvalidRows"):
        bad = {error["index"] for error in errors}
        stopped = [{"index": index, "errors": [_STOPPED]} for index in range(len(rows)) if index not in bad]
        return {"kind": _KIND, "insertErrors": errors + stopped}
    if converted:
        async with context.engine.write_lock():
            _insert(pa.concat_tables(converted), table, context)
    return {"kind": _KIND, "insertErrors": errors} if errors else {"kind": _KIND}


def _convert_rows(rows: list[Any], table: Any, *, ignore_unknown: bool) -> tuple[list[Any], Errors]:
    """Return the good rows as Arrow tables, and the errors of the bad ones."""
    fields = table.schema_.fields
    schema = arrow_schema(table)
    good: list[dict[str, Any]] = []
    errors: Errors = []
    for index, row in enumerate(rows):
        try:
            record = convert_record(row.get("json"), fields, ignore_unknown=ignore_unknown)
        except RowProblem as problem:
            errors.append({"index": index, "errors": [problem.to_rest()]})
            continue
        good.append({"json": record, "index": index})
    if not good:
        return [], errors
    try:
        return [_to_arrow(good, schema, table)], errors
    except (ValueError, TypeError, pa.ArrowInvalid):
        return _convert_singly(good, schema, table, errors)


def _to_arrow(good: list[dict[str, Any]], schema: Any, table: Any) -> Any:
    """Return converted rows as an Arrow table, by columns.

    The emulator's own conversion checks the type of each value again, so it is used only for columns of other types.
    """
    plain = {
        field.name
        for field in table.schema_.fields
        if field.mode != "REPEATED" and field.type.upper() in CONVERTED
    }
    rest = pa.schema([field for field in schema if field.name not in plain])
    others: Any = bq_rows_to_arrow(good, rest) if len(rest) else None
    columns = [
        pa.array([row["json"][field.name] for row in good], type=field.type)
        if field.name in plain
        else others.column(field.name)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _convert_singly(
    good: list[dict[str, Any]], schema: Any, table: Any, errors: Errors
) -> tuple[list[Any], Errors]:
    """Separate the rows that only Arrow refuses: those with types that `values` does not convert."""
    tables: list[Any] = []
    for row in good:
        try:
            tables.append(_to_arrow([row], schema, table))
        except (ValueError, TypeError, pa.ArrowInvalid) as error:
            problem = RowProblem(str(error), "")
            errors.append({"index": row["index"], "errors": [problem.to_rest()]})
    return tables, errors


def _insert(rows: Any, table: Any, context: Any) -> None:
    key = (table.project_id, table.dataset_id, table.table_id)
    columns = ", ".join(f'"{column}"' for column in rows.schema.names)
    into = f"INSERT INTO {quoted_table_ref(*key)} ({columns})"
    # Nested values have field names, which parameters do not carry.
    if rows.num_rows <= _FEW_ROWS and not any(_is_nested(field.type) for field in rows.schema):
        row = f"({', '.join('?' * rows.num_columns)})"
        values = [value for record in rows.to_pylist() for value in record.values()]
        context.engine.execute(f"{into} VALUES {', '.join([row] * rows.num_rows)}", values)
    else:
        name = register_name(f"__bqemu_insert_{uuid4().hex[:12]}")
        connection = context.engine.connection
        connection.register(name, rows)
        try:
            context.engine.execute(f"{into} SELECT {columns} FROM {name}")  # noqa: S608
        finally:
            connection.unregister(name)
    current = context.catalog.get_table(*key)
    context.catalog.update_table(current.model_copy(update={"num_rows": current.num_rows + rows.num_rows}))
    context.snapshots.record_change(*key)


def _is_nested(kind: Any) -> bool:
    """Return whether values of an Arrow type are structs, or arrays of structs."""
    return pa.types.is_struct(kind) or (pa.types.is_list(kind) and _is_nested(kind.value_type))

"""Repairs of the catalogue: resources created by SQL have to read back as declared."""

import functools
from collections.abc import Callable
from typing import Any

import bqemulator.api.routes.tables as table_routes
from bqemulator.catalog.ddl_sync import _split_table_ref_parts, _split_target, _unwrap_table_target
from bqemulator.catalog.models import Clustering, TableFieldSchema, TableSchema, TimePartitioning
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from bigquery_ddl.declared import (
    DeclaredField,
    DeclaredTable,
    declared_field,
    declared_options,
    declared_table,
    parsed_create,
)
from gcp_emulators.bigquery.patches import replace

Sync = Callable[[str, str, Any], None]


def keep_declared_tables() -> None:
    """Fault: a table made by SQL loses its partitioning by DATE(column), clustering, JSON type and descriptions.

    Also, CREATE TABLE IF NOT EXISTS on an existing table registers it again, which loses its declarations.
    """

    def declare(create: exp.Create, table: Any, context: Any) -> None:
        if create.args.get("clone") is None:
            parts = _declared_parts(declared_table(create), table)
            context.catalog.update_table(table.model_copy(update=parts))

    _correct_created("TABLE", _table, declare)


def keep_added_columns() -> None:
    """Fault: ALTER TABLE ... ADD COLUMN, or ... DROP NOT NULL, changes the engine's table and not the catalogue's."""

    def with_alterations(sync: Sync) -> Sync:
        @functools.wraps(sync)
        def sync_created_table(sql: str, project_id: str, context: Any) -> None:
            sync(sql, project_id, context)
            _alter_columns(sql, project_id, context)

        return sync_created_table

    _replace_sync("sync_created_table", with_alterations)


def keep_declared_views() -> None:
    """Fault: a view made by SQL loses its description, and its resource does not carry its query."""

    def describe(create: exp.Create, view: Any, context: Any) -> None:
        description = declared_options(create).get("description")
        context.catalog.update_table(view.model_copy(update={"description": description}))

    def with_query(to_rest: Any) -> Any:
        @functools.wraps(to_rest)
        def table_to_rest(table: Any) -> dict[str, Any]:
            resource: dict[str, Any] = to_rest(table)
            if table.table_type == "VIEW":
                resource["view"] = {"query": table.view_query, "useLegacySql": False}
            return resource

        return table_to_rest

    _correct_created("VIEW", _table, describe)
    replace(table_routes, "_table_to_rest", with_query)


def keep_declared_datasets() -> None:
    """Fault: a dataset made by SQL loses its description and location."""

    def describe(create: exp.Create, dataset: Any, context: Any) -> None:
        options = declared_options(create)
        changes = {name: options[name] for name in ("description", "location") if name in options}
        context.catalog.update_dataset(dataset.model_copy(update=changes))

    _correct_created("SCHEMA", _dataset, describe)


def _correct_created(
    kind: str,
    find: Callable[[exp.Create, str, Any], Any],
    correct: Callable[[exp.Create, Any, Any], None],
) -> None:
    """Apply `correct` to the catalogue's entry after each CREATE statement of a kind; `find` returns the entry. A
    statement with IF NOT EXISTS registers nothing when the entry exists."""

    def with_corrections(sync: Sync) -> Sync:
        @functools.wraps(sync)
        def sync_created(sql: str, project_id: str, context: Any) -> None:
            create = parsed_create(sql, kind)
            if create is None:
                sync(sql, project_id, context)
                return
            if create.args.get("exists") and find(create, project_id, context) is not None:
                return
            sync(sql, project_id, context)
            entry = find(create, project_id, context)
            if entry is not None:
                correct(create, entry, context)

        return sync_created

    _replace_sync(f"sync_created_{kind.lower()}", with_corrections)


def _declared_parts(declared: DeclaredTable, table: Any) -> dict[str, Any]:
    """Return the declarations that the catalogue's table lacks, in bqemulator's own models."""
    by = declared.partitioning
    parts: dict[str, Any] = {
        "time_partitioning": TimePartitioning(type=by.type, field=by.field, expiration_ms=by.expiration_ms)
        if by
        else table.time_partitioning,
        "clustering": Clustering(fields=declared.clustering) if declared.clustering else None,
    }
    if declared.fields:
        parts["schema_"] = TableSchema(fields=tuple(_schema_field(field) for field in declared.fields))
    return parts


def _schema_field(field: DeclaredField) -> TableFieldSchema:
    return TableFieldSchema(
        name=field.name,
        type=field.type,
        mode=field.mode,
        fields=tuple(_schema_field(nested) for nested in field.fields),
        description=field.description,
    )


def _replace_sync(name: str, make: Callable[[Sync], Sync]) -> None:
    for module in (executor, interpreter):
        replace(module, name, make)


def _table(create: exp.Create, project_id: str, context: Any) -> Any:
    """Return the catalogue's table or view that a statement names; None when there is none."""
    table = _unwrap_table_target(create.this)
    project, dataset, name = _split_target(table, project_id) if table is not None else ("", "", "")
    return context.catalog.get_table(project, dataset, name) if dataset and name else None


def _dataset(create: exp.Create, project_id: str, context: Any) -> Any:
    """Return the catalogue's dataset that a statement names; None when there is none."""
    target = _unwrap_table_target(create.this)
    parts = _split_table_ref_parts(target) if target is not None else []
    return context.catalog.get_dataset(*[project_id, *parts][-2:]) if parts else None


def _alter_columns(sql: str, project_id: str, context: Any) -> None:
    try:
        alter = parse_one(sql, read="bigquery")
    except SqlglotError:
        return
    if not isinstance(alter, exp.Alter) or not isinstance(alter.this, exp.Table):
        return
    table = context.catalog.get_table(*_split_target(alter.this, project_id))
    if table is None:
        return
    actions = alter.args["actions"]
    fields = {field.name: field for field in table.schema_.fields}
    for column in (action for action in actions if isinstance(action, exp.ColumnDef)):
        fields.setdefault(column.name, _schema_field(declared_field(column)))
    for action in (action for action in actions if isinstance(action, exp.AlterColumn)):
        if action.args.get("allow_null") and action.name in fields:
            fields[action.name] = fields[action.name].model_copy(update={"mode": "NULLABLE"})
    schema = TableSchema(fields=tuple(fields.values()))
    context.catalog.update_table(table.model_copy(update={"schema_": schema}))

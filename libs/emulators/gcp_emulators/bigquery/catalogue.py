"""Repairs of the catalogue: what SQL created must read back as it was declared."""

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
from gcp_emulators.bigquery.patching import replace

Sync = Callable[[str, str, Any], None]


def keep_declared_tables() -> None:
    """Fault: a table made by SQL loses its partitioning by DATE(column), clustering, JSON type and descriptions.

    Also, CREATE TABLE IF NOT EXISTS on a table that exists registers it anew, which loses what it had.
    """

    def with_declaration(sync: Sync) -> Sync:
        @functools.wraps(sync)
        def sync_created_table(sql: str, project_id: str, context: Any) -> None:
            create = parsed_create(sql, "TABLE")
            target = _target(create, project_id) if create else None
            if create is None or target is None or create.args.get("clone") is not None:
                sync(sql, project_id, context)
                return
            if create.args.get("exists") and context.catalog.get_table(*target) is not None:
                return
            sync(sql, project_id, context)
            declared = declared_table(create)
            table = context.catalog.get_table(*target)
            if table is None:
                return
            context.catalog.update_table(table.model_copy(update=_declared_parts(declared, table)))

        return sync_created_table

    _replace_sync("sync_created_table", with_declaration)


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

    def with_description(sync: Sync) -> Sync:
        @functools.wraps(sync)
        def sync_created_view(sql: str, project_id: str, context: Any) -> None:
            sync(sql, project_id, context)
            create = parsed_create(sql, "VIEW")
            target = _target(create, project_id) if create else None
            view = context.catalog.get_table(*target) if target else None
            if create is not None and view is not None and view.table_type == "VIEW":
                description = declared_options(create).get("description")
                context.catalog.update_table(view.model_copy(update={"description": description}))

        return sync_created_view

    def with_query(to_rest: Any) -> Any:
        @functools.wraps(to_rest)
        def table_to_rest(table: Any) -> dict[str, Any]:
            resource: dict[str, Any] = to_rest(table)
            if table.table_type == "VIEW":
                resource["view"] = {"query": table.view_query, "useLegacySql": False}
            return resource

        return table_to_rest

    _replace_sync("sync_created_view", with_description)
    replace(table_routes, "_table_to_rest", with_query)


def keep_declared_datasets() -> None:
    """Fault: a dataset made by SQL loses its description and location."""

    def with_options(sync: Sync) -> Sync:
        @functools.wraps(sync)
        def sync_created_schema(sql: str, project_id: str, context: Any) -> None:
            create = parsed_create(sql, "SCHEMA")
            target = _unwrap_table_target(create.this) if create else None
            parts = _split_table_ref_parts(target) if target is not None else []
            key = (parts[-2] if len(parts) > 1 else project_id, parts[-1]) if parts else None
            existed = key is not None and context.catalog.get_dataset(*key) is not None
            sync(sql, project_id, context)
            if create is None or key is None or existed:
                return
            options = declared_options(create)
            changes = {name: options[name] for name in ("description", "location") if name in options}
            dataset = context.catalog.get_dataset(*key)
            context.catalog.update_dataset(dataset.model_copy(update=changes))

        return sync_created_schema

    _replace_sync("sync_created_schema", with_options)


def _declared_parts(declared: DeclaredTable, table: Any) -> dict[str, Any]:
    """Return what the catalogue's table lacks, in bqemulator's own models."""
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


def _target(create: exp.Create, project_id: str) -> tuple[str, str, str] | None:
    table = _unwrap_table_target(create.this)
    if table is None:
        return None
    project, dataset, name = _split_target(table, project_id)
    return (project, dataset, name) if dataset and name else None


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

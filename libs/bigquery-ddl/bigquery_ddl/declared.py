"""What a CREATE statement declares about a table: its columns, partitions, clustering and description."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bqemulator.catalog.models import Clustering, TableFieldSchema, TimePartitioning
from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

_MS_PER_DAY = 24 * 60 * 60 * 1000

# The REST interface answers with the older names of some types.
REST_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


@dataclass(frozen=True)
class DeclaredTable:
    """The parts of a CREATE TABLE that the emulator does not carry into its catalogue.

    `fields` is empty when the statement has no column list (CREATE TABLE ... AS SELECT).
    """

    fields: tuple[Any, ...]
    time_partitioning: Any
    clustering: Any
    options: dict[str, Any]


def parsed_create(sql: str, kind: str) -> exp.Create | None:
    """The CREATE statement of this kind (TABLE, VIEW, SCHEMA) in the text, None for anything else. Comments may
    stand around it, no other statement."""
    try:
        trees = [tree for tree in parse(sql, read="bigquery") if not isinstance(tree, exp.Semicolon | None)]
    except SqlglotError:
        return None
    tree = trees[0] if len(trees) == 1 else None
    return tree if isinstance(tree, exp.Create) and tree.kind == kind else None


def declared_options(create: exp.Create) -> dict[str, Any]:
    """The literals in OPTIONS(...) by lower-case name, and `location` where it is given."""
    found: dict[str, Any] = {}
    for item in _properties(create):
        if isinstance(item, exp.LocationProperty):
            found["location"] = item.name
        elif isinstance(item, exp.Property) and isinstance(item.args.get("value"), exp.Literal):
            literal = item.args["value"]
            found[item.name.lower()] = literal.name if literal.is_string else float(literal.name)
    return found


def declared_table(create: exp.Create) -> DeclaredTable:
    """Read a CREATE TABLE statement."""
    columns = create.this.expressions if isinstance(create.this, exp.Schema) else []
    options = declared_options(create)
    return DeclaredTable(
        fields=tuple(declared_field(item) for item in columns if isinstance(item, exp.ColumnDef)),
        time_partitioning=_time_partitioning(create, options),
        clustering=_clustering(create),
        options=options,
    )


def declared_field(column: exp.ColumnDef) -> Any:
    """One column in the catalogue's form, with its nested fields and descriptions."""
    kind = column.args["kind"]
    repeated = kind.this == exp.DType.ARRAY
    element = kind.expressions[0] if repeated else kind
    nested = [item for item in element.expressions if isinstance(item, exp.ColumnDef)]
    constraints = [constraint.args.get("kind") for constraint in column.args.get("constraints") or ()]
    required = any(isinstance(item, exp.NotNullColumnConstraint) for item in constraints)
    return TableFieldSchema(
        name=column.name,
        type=_rest_type(element),
        mode="REPEATED" if repeated else "REQUIRED" if required else "NULLABLE",
        fields=tuple(declared_field(item) for item in nested),
        description=_description(constraints),
    )


def _rest_type(kind: exp.DataType) -> str:
    name = kind.sql(dialect="bigquery").partition("<")[0].partition("(")[0].upper()
    return REST_TYPES.get(name, name)


def _description(constraints: list[Any]) -> str | None:
    for constraint in constraints:
        if not isinstance(constraint, exp.Properties):
            continue
        for item in constraint.expressions:
            if item.name.lower() == "description":
                return str(item.args["value"].name)
    return None


def _properties(create: exp.Create) -> Iterator[Any]:
    properties = create.args.get("properties")
    yield from properties.expressions if properties else ()


def _time_partitioning(create: exp.Create, options: dict[str, Any]) -> Any:
    for item in _properties(create):
        if not isinstance(item, exp.PartitionedByProperty):
            continue
        by = item.this
        column = by if isinstance(by, exp.Identifier) else by.find(exp.Column)
        if column is None or column.name.upper().startswith("_PARTITION"):
            return None
        unit = by.args.get("unit")
        days = options.get("partition_expiration_days")
        return TimePartitioning(
            type=unit.name.upper() if unit else "DAY",
            field=column.name,
            expiration_ms=int(days * _MS_PER_DAY) if days else None,
        )
    return None


def _clustering(create: exp.Create) -> Any:
    for item in _properties(create):
        if isinstance(item, exp.Cluster | exp.ClusterProperty):
            return Clustering(fields=tuple(column.name for column in item.expressions))
    return None

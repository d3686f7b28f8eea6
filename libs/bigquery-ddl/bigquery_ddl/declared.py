"""Reader of CREATE statements: a table's columns, partitions, clustering and options."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

MS_PER_DAY = 24 * 60 * 60 * 1000

REST_TYPES: Mapping[str, str] = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
}
"""Older names of SQL types, which BigQuery's REST API returns."""
SQL_TYPES: Mapping[str, str] = {rest: sql for sql, rest in REST_TYPES.items()}
"""Names of types in SQL by their names in the REST API."""

OptionValue = str | float


@dataclass(frozen=True)
class DeclaredField:
    """One column, in the terms of BigQuery's REST API."""

    name: str
    type: str
    """A REST name: INTEGER, STRING, RECORD ..."""
    mode: str
    """NULLABLE, REQUIRED or REPEATED."""
    fields: "tuple[DeclaredField, ...]"
    """The columns within a RECORD; empty otherwise."""
    description: str | None


@dataclass(frozen=True)
class DeclaredPartitioning:
    """PARTITION BY a column."""

    type: str
    """DAY, HOUR, MONTH or YEAR."""
    field: str
    expiration_ms: int | None
    """Milliseconds after which a partition expires; None for never."""


@dataclass(frozen=True)
class DeclaredTable:
    """The parts of a CREATE TABLE statement."""

    fields: tuple[DeclaredField, ...]
    """Empty when the statement has no column list (CREATE TABLE ... AS SELECT)."""
    partitioning: DeclaredPartitioning | None
    clustering: tuple[str, ...]
    """Columns of CLUSTER BY; empty without it."""
    options: Mapping[str, OptionValue]
    """Literals of OPTIONS(...) by lower-case name, and `location` where it is given."""


def parsed_create(sql: str, kind: str) -> exp.Create | None:
    """Parse the CREATE statement of this kind (TABLE, VIEW, SCHEMA, FUNCTION); None for anything else.

    The text may have comments, but no second statement.
    """
    try:
        trees = [tree for tree in parse(sql, read="bigquery") if not isinstance(tree, exp.Semicolon | None)]
    except SqlglotError:
        return None
    tree = trees[0] if len(trees) == 1 else None
    return tree if isinstance(tree, exp.Create) and tree.kind == kind else None


def declared_options(create: exp.Create) -> dict[str, OptionValue]:
    """Read the literals in OPTIONS(...) by lower-case name, and `location` where it is given."""
    found: dict[str, OptionValue] = {}
    for item in _properties(create):
        # sqlglot has a special class for location; every other option is a plain property.
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
        partitioning=_partitioning(create, options),
        clustering=_clustering(create),
        options=options,
    )


def declared_field(column: exp.ColumnDef) -> DeclaredField:
    """Read one column with its nested fields and descriptions."""
    kind = column.args["kind"]
    repeated = kind.this == exp.DType.ARRAY
    element = kind.expressions[0] if repeated else kind
    nested = [item for item in element.expressions if isinstance(item, exp.ColumnDef)]
    constraints = [constraint.args.get("kind") for constraint in column.args.get("constraints") or ()]
    required = any(isinstance(item, exp.NotNullColumnConstraint) for item in constraints)
    return DeclaredField(
        name=column.name,
        type=_rest_type(element),
        mode="REPEATED" if repeated else "REQUIRED" if required else "NULLABLE",
        fields=tuple(declared_field(item) for item in nested),
        description=_description(constraints),
    )


def _rest_type(kind: exp.DataType) -> str:
    name = kind.sql(dialect="bigquery").partition("<")[0].partition("(")[0].upper()
    return REST_TYPES.get(name, name)


def _description(constraints: list[exp.Expression | None]) -> str | None:
    for constraint in constraints:
        if not isinstance(constraint, exp.Properties):
            continue
        for item in constraint.expressions:
            if item.name.lower() == "description":
                return str(item.args["value"].name)
    return None


def _properties(create: exp.Create) -> Iterator[exp.Expression]:
    properties = create.args.get("properties")
    yield from properties.expressions if properties else ()


def _partitioning(create: exp.Create, options: Mapping[str, OptionValue]) -> DeclaredPartitioning | None:
    for item in _properties(create):
        if not isinstance(item, exp.PartitionedByProperty):
            continue
        by = item.this
        column = by if isinstance(by, exp.Identifier) else by.find(exp.Column)
        # _PARTITIONDATE and _PARTITIONTIME are pseudo-columns of the ingestion time, no columns of the table.
        if column is None or column.name.upper().startswith("_PARTITION"):
            return None
        unit = by.args.get("unit")
        days = options.get("partition_expiration_days")
        return DeclaredPartitioning(
            type=unit.name.upper() if unit else "DAY",
            field=column.name,
            expiration_ms=int(float(days) * MS_PER_DAY) if days else None,
        )
    return None


def _clustering(create: exp.Create) -> tuple[str, ...]:
    for item in _properties(create):
        if isinstance(item, exp.Cluster | exp.ClusterProperty):
            return tuple(column.name for column in item.expressions)
    return ()

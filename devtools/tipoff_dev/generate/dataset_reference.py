"""`docs/reference/dataset.md`: the tables of the dataset, read from their SQL files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bigquery_ddl.declared import (
    REST_TYPES,
    DeclaredTable,
    declared_options,
    declared_table,
    parsed_create,
)
from tipoff_dataset.deploy import DATASET, ordered_files
from tipoff_dev.generate.markdown import generated_from, table
from tipoff_dev.stack.layout import REPOSITORY

SCHEMAS = REPOSITORY / "schemas/bigquery" / DATASET
_HEADING = ("Column", "Type", "Mode", "Meaning")
_SQL_TYPES = {rest: sql for sql, rest in REST_TYPES.items()}
_NOT_TABLES = ("datasets", "fn_", "v_")
MS_PER_DAY = 24 * 60 * 60 * 1000


def declared_tables(schemas: Path = SCHEMAS) -> dict[str, DeclaredTable]:
    """Every table by name, as its file declares it."""
    files = [path for path in ordered_files(schemas) if not path.name.startswith(_NOT_TABLES)]
    created = {path.stem: parsed_create(path.read_text(), "TABLE") for path in files}
    return {name: declared_table(create) for name, create in created.items() if create is not None}


def dataset() -> str:
    parts = [
        generated_from(f"`schemas/bigquery/{DATASET}/*.sql`"),
        f"# The dataset `{DATASET}`",
        "Append-only; the logger alone writes it. Rows may stand twice after a redelivery, so read the views, which "
        "keep one row an id.",
        "## Views",
        table(("View", "Meaning"), _views()),
        "## Table functions",
        "They take instants and days, so that only the partitions of those are read; the views call them.",
        table(("Function", "Meaning"), _functions()),
    ]
    for name, declared in declared_tables().items():
        parts += [
            f"## {name}",
            str(declared.options.get("description", "")),
            _layout(declared),
            table(_HEADING, _columns(declared.fields)),
        ]
    return "\n\n".join(parts) + "\n"


def _views() -> Iterator[tuple[str, str]]:
    for path in sorted(SCHEMAS.glob("v_*.sql")):
        if (create := parsed_create(path.read_text(), "VIEW")) is not None:
            yield f"`{path.stem}`", str(declared_options(create).get("description", ""))


def _functions() -> Iterator[tuple[str, str]]:
    """The first line of each file names the function with its arguments and says what it answers."""
    for path in sorted(SCHEMAS.glob("fn_*.sql")):
        signature, meaning = function_heading(path)
        yield f"`{signature}`", meaning


def function_heading(path: Path) -> tuple[str, str]:
    """A table function's signature and meaning."""
    heading = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
    signature, _, meaning = heading.partition(": ")
    return signature, meaning


def _layout(declared: DeclaredTable) -> str:
    partitioning = declared.time_partitioning
    days = partitioning.expiration_ms // MS_PER_DAY
    clusters = ", ".join(f"`{column}`" for column in declared.clustering.fields)
    return f"Partitioned by the day of `{partitioning.field}`, kept {days} days; clustered by {clusters}."


def _columns(fields: Iterable[Any], within: str = "") -> Iterator[tuple[str, str, str, str]]:
    for field in fields:
        yield (
            f"`{within}{field.name}`",
            _SQL_TYPES.get(field.type, field.type),
            field.mode,
            field.description or "",
        )
        yield from _columns(field.fields, f"{within}{field.name}.")

"""`docs/reference/dataset.md`: the tables of the dataset, read from their SQL files."""

from collections.abc import Iterable, Iterator

from bigquery_ddl.declared import (
    MS_PER_DAY,
    SQL_TYPES,
    DeclaredField,
    DeclaredTable,
    declared_options,
    parsed_create,
)
from tipoff_common.ports import DATASET
from tipoff_dataset.files import SCHEMAS, declared_tables, function_heading
from tipoff_dev.generate.markdown import generated_from, table, whole_sentence

_HEADING = ("Column", "Type", "Mode", "Meaning")


def dataset() -> str:
    """Write the reference of the dataset."""
    parts = [
        generated_from(f"`schemas/bigquery/{DATASET}/*.sql`"),
        f"# The dataset `{DATASET}`",
        "Append-only; written by the logger only. Redeliveries may duplicate rows, so read the views, which keep "
        "one row for each id.",
        "## Views",
        table(("View", "Meaning"), _views()),
        "## Table functions",
        "Their arguments are instants and days, so that a call reads only those partitions; the views call them.",
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
    """Yield each function's signature and description, from the first line of its file."""
    for path in sorted(SCHEMAS.glob("fn_*.sql")):
        signature, meaning = function_heading(path)
        yield f"`{signature}`", whole_sentence(meaning, path.name)


def _layout(declared: DeclaredTable) -> str:
    partitioning = declared.partitioning
    if partitioning is None or partitioning.expiration_ms is None:
        return ""
    days = partitioning.expiration_ms // MS_PER_DAY
    clusters = ", ".join(f"`{column}`" for column in declared.clustering)
    return f"Partitioned by the day of `{partitioning.field}`, kept {days} days; clustered by {clusters}."


def _columns(fields: Iterable[DeclaredField], within: str = "") -> Iterator[tuple[str, str, str, str]]:
    for field in fields:
        yield (
            f"`{within}{field.name}`",
            SQL_TYPES.get(field.type, field.type),
            field.mode,
            field.description or "",
        )
        yield from _columns(field.fields, f"{within}{field.name}.")

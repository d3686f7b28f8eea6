"""Differences between a live dataset and its SQL files, and the statements that mend them.

Changes are additive: a column that the live table lacks is added, and a column that the files declare nullable is
relaxed. A column that the files lack, declare with another type, or newly declare NOT NULL is refused: the rows of
ninety days and their archive would no longer fit. Also refused are new columns within a RECORD, which BigQuery's ALTER
TABLE cannot add, and another partitioning or clustering.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bigquery_ddl.declared import REST_TYPES, SQL_TYPES, DeclaredTable


@dataclass(frozen=True)
class Difference:
    """One difference between the files and the live dataset."""

    where: str
    what: str
    statement: str | None = None
    """The SQL that mends the difference. None when the deployment creates the missing table, view or function, or when
    the difference must not be mended."""
    refused: bool = False
    """Whether the difference must not be mended; its description has the reason."""
    wider: bool = False
    """Whether the live table accepts all rows of these files and more: newer files were deployed before."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}{' (refused)' if self.refused else ''}"


@dataclass(frozen=True)
class LiveTable:
    """A table as BigQuery's client reads it."""

    fields: Sequence[Any]
    """Columns, each with name, field_type, mode and fields."""
    partitioned_by: str | None
    clustered_by: tuple[str, ...]


class MigrationRefused(Exception):
    """The files change tables other than by additions; `differences` lists each place."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        super().__init__("\n".join(str(difference) for difference in differences))
        self.differences = tuple(differences)


def differences(
    dataset: str, declared: Mapping[str, DeclaredTable], live: Mapping[str, LiveTable]
) -> list[Difference]:
    """Return the tables that the live dataset lacks, and every difference within the others."""
    found: list[Difference] = []
    for name, table in declared.items():
        if name not in live:
            found.append(Difference(name, "the table is missing"))
            continue
        found += _columns(f"{dataset}.{name}", name, table.fields, live[name].fields)
        found += _layout(name, table, live[name])
    return found


def require_additive(found: Iterable[Difference], *, keep_columns: bool = False) -> None:
    """Raise MigrationRefused when one of the differences is refused.

    keep_columns: accept live tables that are wider than the files, for files older than the last deployment's.
    """
    if refused := [it for it in found if it.refused and not (keep_columns and it.wider)]:
        raise MigrationRefused(refused)


def _columns(table: str, where: str, declared: Iterable[Any], live: Iterable[Any]) -> Iterator[Difference]:
    # BigQuery compares names of columns without regard to case.
    by_name = {field.name.lower(): field for field in declared}
    present = {field.name.lower(): field for field in live}
    for name, field in by_name.items():
        place = f"{where}.{field.name}"
        if name in present:
            yield from _column(table, place, field, present[name])
        elif "." in where:
            fault = "the column is missing, and ALTER TABLE cannot add it in a RECORD; use the API's tables.update"
            yield Difference(place, fault, refused=True)
        elif field.mode == "REQUIRED":
            fault = "the column is missing, and existing rows have no value for it; declare it nullable"
            yield Difference(place, fault, refused=True)
        else:
            statement = f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column_sql(field)}"
            yield Difference(place, "the column is missing", statement)
    for name, field in present.items():
        if name not in by_name:
            yield Difference(
                f"{where}.{field.name}",
                "the files no longer have this column",
                refused=True,
                # Rows built for older files have no value for the column, so a required column cannot stay.
                wider=(field.mode or "NULLABLE") != "REQUIRED",
            )


def _column(table: str, place: str, declared: Any, live: Any) -> Iterator[Difference]:
    types = _rest_type(declared.type), _rest_type(live.field_type)
    modes = declared.mode, live.mode or "NULLABLE"
    if types[0] != types[1]:
        what = f"declared {_sql_name(types[0])}, the live column is {_sql_name(types[1])}"
        yield Difference(place, what, refused=True)
    elif "REPEATED" in modes and modes[0] != modes[1]:
        yield Difference(place, f"declared {modes[0]}, the live column is {modes[1]}", refused=True)
    # There may be rows without a value, and BigQuery cannot make a column required.
    elif modes == ("REQUIRED", "NULLABLE"):
        yield Difference(place, "declared NOT NULL, the live column may be NULL", refused=True, wider=True)
    elif modes == ("NULLABLE", "REQUIRED"):
        name = place.rpartition(".")[2]
        mend = None if place.count(".") > 1 else f"ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL"
        yield Difference(place, "may be NULL, the live column is NOT NULL", mend, refused=mend is None)
    yield from _columns(table, place, declared.fields, live.fields)


def _layout(name: str, declared: DeclaredTable, live: LiveTable) -> Iterator[Difference]:
    partitioning = declared.partitioning
    wanted = partitioning.field if partitioning is not None else None
    if wanted != live.partitioned_by:
        what = f"declared partitioned by {wanted}, the live table by {live.partitioned_by}"
        yield Difference(name, what, refused=True)
    if declared.clustering != live.clustered_by:
        names = [", ".join(columns) or "nothing" for columns in (declared.clustering, live.clustered_by)]
        yield Difference(
            name, f"declared clustered by {names[0]}, the live table by {names[1]}", refused=True
        )


def column_sql(field: Any) -> str:
    """Return a declared column as ALTER TABLE needs it, with its description."""
    kind = SQL_TYPES.get(field.type, field.type)
    if field.fields:
        kind = f"STRUCT<{', '.join(column_sql(inner) for inner in field.fields)}>"
    if field.mode == "REPEATED":
        kind = f"ARRAY<{kind}>"
    if not field.description:
        return f"{field.name} {kind}"
    # ALTER TABLE takes no parameters, hence the escaping.
    text = field.description.replace("\\", "\\\\").replace("'", "\\'")
    return f"{field.name} {kind} OPTIONS(description='{text}')"


def _rest_type(name: str) -> str:
    return REST_TYPES.get(name, name)


def _sql_name(name: str) -> str:
    return SQL_TYPES.get(name, name)

"""Tests of the differences between a live dataset and its files, and of the statements that remove them."""

from dataclasses import dataclass, replace

import pytest

from bigquery_ddl.declared import DeclaredField, DeclaredPartitioning, DeclaredTable
from tipoff_dataset.migrations import (
    Difference,
    LiveTable,
    MigrationRefused,
    column_sql,
    differences,
    require_additive,
)


def column(
    name: str,
    kind: str = "STRING",
    mode: str = "NULLABLE",
    *fields: DeclaredField,
    description: str | None = None,
) -> DeclaredField:
    return DeclaredField(name, kind, mode, fields, description)


@dataclass(frozen=True)
class LiveColumn:
    """A column as BigQuery's client returns it."""

    name: str
    field_type: str = "STRING"
    mode: str | None = "NULLABLE"
    fields: "tuple[LiveColumn, ...]" = ()


DECLARED = DeclaredTable(
    fields=(column("id", mode="REQUIRED"), column("at", "TIMESTAMP")),
    partitioning=DeclaredPartitioning("DAY", "at", None),
    clustering=("id",),
    options={},
)
LIVE = LiveTable((LiveColumn("id", mode="REQUIRED"), LiveColumn("at", "TIMESTAMP")), "at", ("id",))


def compared(declared: DeclaredTable = DECLARED, live: LiveTable | None = LIVE) -> list[Difference]:
    return differences("d", {"t": declared}, {"t": live} if live else {})


def of_column(declared: DeclaredField | None, live: LiveColumn | None) -> list[Difference]:
    """Compare tables that differ in one column."""
    return compared(
        replace(DECLARED, fields=(*DECLARED.fields, *([declared] if declared else []))),
        replace(LIVE, fields=(*LIVE.fields, *([live] if live else []))),
    )


def test_table_equal_to_its_file_has_no_differences() -> None:
    assert compared() == []


def test_missing_table_is_a_difference_without_statement() -> None:
    (found,) = compared(live=None)
    assert (str(found), found.statement, found.refused) == ("t: the table is missing", None, False)


def test_name_case_and_type_alias_are_no_difference() -> None:
    assert of_column(column("Size", "INT64"), LiveColumn("SIZE", "INTEGER")) == []


def test_omitted_mode_is_nullable() -> None:
    assert of_column(column("more"), LiveColumn("more", mode=None)) == []


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (column("more"), "STRING"),
        (column("more", "INTEGER"), "INT64"),
        (column("more", "STRING", "REPEATED"), "ARRAY<STRING>"),
        (
            column("more", "RECORD", "REPEATED", column("a", "FLOAT"), column("b")),
            "ARRAY<STRUCT<a FLOAT64, b STRING>>",
        ),
        (column("more", description="it's \\ odd"), r"STRING OPTIONS(description='it\'s \\ odd')"),
    ],
)
def test_missing_column_is_added(declared: DeclaredField, kind: str) -> None:
    (found,) = of_column(declared, None)
    assert str(found) == "t.more: the column is missing"
    assert found.statement == f"ALTER TABLE d.t ADD COLUMN IF NOT EXISTS more {kind}"
    assert not found.refused


def test_required_column_cannot_be_added() -> None:
    (found,) = of_column(column("more", mode="REQUIRED"), None)
    assert (found.refused, found.wider, found.statement) == (True, False, None)
    assert "declare it nullable" in found.what


def test_a_column_within_a_record_cannot_be_added() -> None:
    (found,) = of_column(
        column("rec", "RECORD", "NULLABLE", column("a"), column("b")),
        LiveColumn("rec", "RECORD", fields=(LiveColumn("a"),)),
    )
    assert (found.where, found.refused, found.wider) == ("t.rec.b", True, False)
    assert "tables.update" in found.what


@pytest.mark.parametrize(
    ("mode", "wider"), [("NULLABLE", True), (None, True), ("REPEATED", True), ("REQUIRED", False)]
)
def test_extra_live_column_may_stay_unless_required(mode: str | None, wider: bool) -> None:
    """Rows that follow the files have no value for the column."""
    (found,) = of_column(None, LiveColumn("old", mode=mode))
    assert str(found) == "t.old: the files no longer have this column (refused)"
    assert (found.refused, found.wider) == (True, wider)


def test_another_type_is_refused() -> None:
    (found,) = of_column(column("n", "INTEGER"), LiveColumn("n", "STRING"))
    assert str(found) == "t.n: declared INT64, the live column is STRING (refused)"
    assert not found.wider


@pytest.mark.parametrize(
    ("declared", "live"), [("REPEATED", "NULLABLE"), ("NULLABLE", "REPEATED"), ("REQUIRED", "REPEATED")]
)
def test_change_between_repeated_and_single_value_is_refused(declared: str, live: str) -> None:
    (found,) = of_column(column("n", mode=declared), LiveColumn("n", mode=live))
    assert str(found) == f"t.n: declared {declared}, the live column is {live} (refused)"
    assert (found.wider, found.statement) == (False, None)


def test_repeated_mode_on_both_sides_is_no_difference() -> None:
    assert of_column(column("n", mode="REPEATED"), LiveColumn("n", mode="REPEATED")) == []


def test_making_a_column_required_is_refused() -> None:
    (found,) = of_column(column("n", mode="REQUIRED"), LiveColumn("n"))
    assert (found.refused, found.wider) == (True, True)


def test_required_column_is_relaxed_to_nullable() -> None:
    (found,) = of_column(column("n"), LiveColumn("n", mode="REQUIRED"))
    assert (found.statement, found.refused) == ("ALTER TABLE d.t ALTER COLUMN n DROP NOT NULL", False)


def test_a_column_within_a_record_is_not_relaxed() -> None:
    """BigQuery's ALTER COLUMN cannot change a column within a record."""
    (found,) = of_column(
        column("rec", "RECORD", "NULLABLE", column("a")),
        LiveColumn("rec", "RECORD", fields=(LiveColumn("a", mode="REQUIRED"),)),
    )
    assert (found.where, found.statement, found.refused) == ("t.rec.a", None, True)


@pytest.mark.parametrize(
    ("by", "message"),
    [("other", "declared partitioned by at, the live table by other"), (None, "the live table by None")],
)
def test_another_partitioning_is_refused(by: str | None, message: str) -> None:
    (found,) = compared(live=replace(LIVE, partitioned_by=by))
    assert message in found.what
    assert found.refused


def test_undeclared_partitioning_is_refused() -> None:
    (found,) = compared(replace(DECLARED, partitioning=None))
    assert found.what == "declared partitioned by None, the live table by at"
    assert compared(replace(DECLARED, partitioning=None), replace(LIVE, partitioned_by=None)) == []


def test_another_clustering_is_refused() -> None:
    (found,) = compared(live=replace(LIVE, clustered_by=()))
    assert str(found) == "t: declared clustered by id, the live table by nothing (refused)"


WIDER = Difference("t.old", "the files no longer have this column", refused=True, wider=True)
RETYPED = Difference("t.n", "declared INT64, the live column is STRING", refused=True)
ADDED = Difference("t.more", "the column is missing", "ALTER TABLE d.t ADD COLUMN more STRING")


def test_only_refused_differences_are_named() -> None:
    with pytest.raises(MigrationRefused) as refused:
        require_additive([ADDED, WIDER, RETYPED])
    assert refused.value.differences == (WIDER, RETYPED)
    assert str(refused.value).splitlines() == [str(WIDER), str(RETYPED)]


def test_keep_columns_accepts_only_wider_differences() -> None:
    require_additive([ADDED, WIDER], keep_columns=True)
    with pytest.raises(MigrationRefused) as refused:
        require_additive([ADDED, WIDER, RETYPED], keep_columns=True)
    assert refused.value.differences == (RETYPED,)


def test_additions_are_not_refused() -> None:
    require_additive([ADDED])


def test_column_sql_has_nested_types_and_descriptions() -> None:
    nested = column(
        "rec", "RECORD", "NULLABLE", column("a", "INTEGER", description="inner"), description="outer"
    )
    assert column_sql(nested) == (
        "rec STRUCT<a INT64 OPTIONS(description='inner')> OPTIONS(description='outer')"
    )

"""Tests of several named queries in one statement: rows and parameters of each."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tipoff_common.testing import MemoryWarehouse
from tipoff_dataset.batch import Part, bare_statement, run_batch
from tipoff_dataset.queries import NamedQuery

NOW = datetime(2026, 1, 15, 16, tzinfo=UTC)


def query(folder: Path, name: str, body: str, *parameters: str) -> NamedQuery:
    header = [
        "-- Is it so?",
        "--",
        *(f"--   @{item}  a parameter" for item in parameters),
        "--",
        "-- n INT64",
    ]
    (folder / f"{name}.sql").write_text("\n".join([*header, "", body]))
    return NamedQuery.read(folder / f"{name}.sql")


def test_each_part_gets_its_own_rows_and_parameters(tmp_path: Path) -> None:
    first = query(
        tmp_path,
        "a",
        "SELECT @day AS n\n  -- a word, @day\nWHERE @as_of > @day;",
        "day  DATE",
        "as_of  TIMESTAMP",
    )
    second = query(tmp_path, "b", "SELECT @day, @days", "day  DATE", "days  INT64")
    queries: list[Any] = []

    def answer(sql: str, parameters: Any) -> list[dict[str, Any]]:
        queries.append((sql, parameters))
        return [{"part": "two", "content": '{"n": 2}'}, {"part": "one", "content": '{"n": 1}'}]

    found = run_batch(
        MemoryWarehouse(answer=answer),
        {
            "one": Part(first, {"day": date(2026, 1, 15), "as_of": NOW}),
            "two": Part(second, {"day": date(2026, 1, 14), "days": 3}),
            "three": Part(query(tmp_path, "c", "SELECT 3"), {}),
        },
    )

    assert found == {"one": [{"n": 1}], "two": [{"n": 2}], "three": []}
    ((sql, parameters),) = queries
    assert parameters == {
        "r0_day": date(2026, 1, 15),
        "as_of": NOW,
        "r1_day": date(2026, 1, 14),
        "r1_days": 3,
    }
    assert "SELECT @r0_day AS n\nWHERE @as_of > @r0_day\n) AS t" in sql
    assert "SELECT @r1_day, @r1_days" in sql
    assert sql.count("UNION ALL") == 2


def test_longer_name_starting_with_a_parameter_is_not_renamed(tmp_path: Path) -> None:
    made = query(tmp_path, "a", "SELECT @day, @daylight", "day  DATE")
    assert bare_statement(made, "x_") == "SELECT @x_day, @daylight"


def test_query_without_own_parameters_is_unchanged(tmp_path: Path) -> None:
    made = query(tmp_path, "a", "SELECT @as_of, '@'", "as_of  TIMESTAMP")
    assert bare_statement(made, "x_") == "SELECT @as_of, '@'"

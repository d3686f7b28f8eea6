"""Tests of the dataset's SQL files: order by dependency, and names in them."""

from pathlib import Path

import pytest

from tipoff_dataset.files import (
    SchemaFilesError,
    declared_tables,
    defined_name,
    function_heading,
    names_used,
    ordered_files,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "datasets.sql").write_text("CREATE SCHEMA nba_orchestration;")
    for name in ("plays", "games"):
        (tmp_path / f"{name}.sql").write_text(f"CREATE TABLE nba_orchestration.{name} (id STRING);")
    return tmp_path


def derive(folder: Path, name: str, *needs: str, comment: str = "") -> None:
    code = " ".join(f"nba_orchestration.{need}" for need in (name.removeprefix("fn_"), *needs))
    (folder / f"{name}.sql").write_text(f"-- {comment}\n{code}")


def order(folder: Path) -> list[str]:
    return [path.stem for path in ordered_files(folder)]


def test_the_dataset_comes_first_then_tables_by_name_then_functions_and_views(folder: Path) -> None:
    derive(folder, "v_all", "games")
    derive(folder, "fn_some", "games")
    assert order(folder) == ["datasets", "games", "plays", "fn_some", "v_all"]


def test_dependencies_come_before_dependents(folder: Path) -> None:
    derive(folder, "fn_a", "v_z")
    derive(folder, "v_b", "a")
    derive(folder, "v_z", "games")
    assert order(folder)[3:] == ["v_z", "fn_a", "v_b"]


def test_own_name_and_names_in_comments_are_no_dependencies(folder: Path) -> None:
    derive(folder, "v_a", comment="see nba_orchestration.v_b")
    derive(folder, "v_b", "v_a")
    assert order(folder)[3:] == ["v_a", "v_b"]
    assert names_used(folder / "v_a.sql") == {"v_a"}


def test_cyclic_files_are_named(folder: Path) -> None:
    derive(folder, "v_a", "v_b")
    derive(folder, "v_b", "v_a")
    derive(folder, "v_c")
    with pytest.raises(SchemaFilesError, match=r"^in a circle: v_a\.sql, v_b\.sql$"):
        ordered_files(folder)


def test_a_folder_without_the_dataset_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SchemaFilesError, match=f"no datasets.sql in {tmp_path}"):
        ordered_files(tmp_path)


def test_only_tables_are_declared_tables(folder: Path) -> None:
    derive(folder, "v_all", "games")
    derive(folder, "fn_some", "games")
    (folder / "notes.sql").write_text("SELECT 1")
    assert sorted(declared_tables(folder)) == ["games", "plays"]


def test_a_functions_heading_is_its_signature_and_its_meaning(tmp_path: Path) -> None:
    path = tmp_path / "fn_found.sql"
    path.write_text("-- found(day DATE): what was found: all of it\nCREATE ...")
    assert defined_name(path) == "found"
    assert function_heading(path) == ("found(day DATE)", "what was found: all of it")

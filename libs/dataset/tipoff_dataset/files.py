"""The dataset's SQL files: their folders, their order, the names in them and the tables that they declare."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tipoff_common.ports import DATASET

if TYPE_CHECKING:
    from bigquery_ddl.declared import DeclaredTable

_CHECKOUT = Path(__file__).parents[3]
# A wheel has copies of both folders; a checkout has none, so that no developer edits a copy.
_INSTALLED = Path(__file__).with_name("sql")
SCHEMAS = _INSTALLED / "schemas" if _INSTALLED.is_dir() else _CHECKOUT / "schemas/bigquery" / DATASET
QUERIES = _INSTALLED / "queries" if _INSTALLED.is_dir() else _CHECKOUT / "queries"
_NOT_TABLES = ("datasets", "fn_", "v_")


class SchemaFilesError(RuntimeError):
    """The directory does not have the dataset's SQL files."""


def ordered_files(schemas_dir: Path) -> list[Path]:
    """Return the SQL files in the order of their dependencies: the dataset, the tables, then functions (`fn_*.sql`) and
    views (`v_*.sql`), each after those that it names; otherwise by name. deploy_tables.sh has the same rule.

    Raises SchemaFilesError when datasets.sql is missing, or when files depend on each other in a circle.
    """
    dataset = schemas_dir / "datasets.sql"
    if not dataset.is_file():
        raise SchemaFilesError(f"no datasets.sql in {schemas_dir}")
    derived = [*sorted(schemas_dir.glob("fn_*.sql")), *sorted(schemas_dir.glob("v_*.sql"))]
    tables = sorted(set(schemas_dir.glob("*.sql")) - {dataset, *derived})
    return [dataset, *tables, *_by_dependency({path: names_used(path) for path in derived})]


def _by_dependency(needs: Mapping[Path, set[str]]) -> list[Path]:
    waiting, ordered = list(needs), list[Path]()
    while waiting:
        missing = {defined_name(path) for path in waiting}
        ready = next((path for path in waiting if not needs[path] & missing - {defined_name(path)}), None)
        if ready is None:
            raise SchemaFilesError(f"in a circle: {', '.join(path.name for path in waiting)}")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def defined_name(path: Path) -> str:
    """Return the name of the function or view that a file creates."""
    return path.stem.removeprefix("fn_")


def names_used(path: Path) -> set[str]:
    """Return the names of the dataset's tables, functions and views in a file's code, its own among them."""
    code = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
    return set(re.findall(rf"\b{DATASET}\.(\w+)", code))


def declared_tables(schemas: Path = SCHEMAS) -> "dict[str, DeclaredTable]":
    """Read the declaration of every table, by name."""
    # A lazy import: the SQL parser takes longer to import than a query takes, and only deployments need it.
    from bigquery_ddl.declared import declared_table, parsed_create

    files = [path for path in ordered_files(schemas) if not path.name.startswith(_NOT_TABLES)]
    created = {path.stem: parsed_create(path.read_text(), "TABLE") for path in files}
    return {name: declared_table(create) for name, create in created.items() if create is not None}


def function_heading(path: Path) -> tuple[str, str]:
    """Return a table function's signature and meaning."""
    heading = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("-- ")
    signature, _, meaning = heading.partition(": ")
    return signature, meaning

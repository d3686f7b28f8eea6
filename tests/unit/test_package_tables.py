"""Tests of package docstrings with a table of modules: every module is listed, and each entry exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# "name.py  text", "one.py, other.py  text" and "*_json.py  text", each on a line of its own.
LINE = re.compile(r"^\s*((?:[\w*]+\.py(?:, )?)+)  +\S", re.MULTILINE)
NOT_LISTED = {"__init__.py", "__main__.py"}


def modules_named(package: Path) -> set[str]:
    docstring = ast.get_docstring(ast.parse(package.read_text(encoding="utf-8"))) or ""
    lists = [names.split(", ") for names in LINE.findall(docstring)]
    return {pattern for names in lists for pattern in names} if len(lists) > 1 else set()


PACKAGES = [
    package
    for folder in ("cli", "devtools", "libs", "services", "examples")
    for package in sorted((REPOSITORY / folder).rglob("__init__.py"))
    if modules_named(package)
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda it: it.parent.name)
def test_module_table_matches_the_folder(package: Path) -> None:
    named = modules_named(package)
    found = {path.name for path in package.parent.glob("*.py")} - NOT_LISTED
    matched = {path.name for pattern in named for path in package.parent.glob(pattern)}
    assert [pattern for pattern in named if not list(package.parent.glob(pattern))] == []
    assert sorted(found - matched) == []


def test_module_tables_are_found() -> None:
    assert len(PACKAGES) >= 5

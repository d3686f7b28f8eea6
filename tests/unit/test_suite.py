"""Tests of the suite's division: every file that tests/conftest.py names exists."""

import ast
from pathlib import Path

from tests.conftest import ALONE, APART, LONGEST, THOROUGH, TOGETHER, WITH

TESTS = Path(__file__).parents[1]


def test_every_named_test_file_exists() -> None:
    """A renamed file would silently lose its place."""
    groups = (name.removesuffix(" on Google's") for name in LONGEST)
    named = {*TOGETHER, *ALONE, *APART, *WITH, *WITH.values(), *THOROUGH, *groups}
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []


def test_no_test_module_is_imported() -> None:
    """Shared helpers belong in tests/support or in a package's `testing` module."""
    modules = {path.stem for path in TESTS.rglob("test_*.py")}
    imported = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (getattr(node, "module", None) or "", *(alias.name for alias in node.names))
        if name.rpartition(".")[2] in modules
    ]
    assert imported == []

"""Every scraper of the registry: complete description, and a test for each way in which its source can answer.

A test file of scrapers declares them in a table, `COVERS`: for each condition the test that raises it, or the text
"never: why" for a condition that the source cannot have.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.registry import load_registry

TESTS = REPOSITORY / "tests/unit/scrapers"
CONDITIONS = ("normal", "empty", "not_published", "blocked", "changed", "truncated")
NEVER = "never: "
REGISTRY = load_registry(SCRAPERS_DIR)
SPECS = [pytest.param(scraper.spec, id=name) for name, scraper in REGISTRY.items()]

Covers = Mapping[str, Mapping[str, str]]


def covered(folder: Path) -> dict[str, dict[str, str]]:
    """Return by scraper and condition the test's name, or the reason for none, over all files.

    Raises: AssertionError: a table of another form, a test that is not in its file, or a condition that is listed
    twice.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(folder.glob("test_*.py")):
        for name, conditions in _table(path).items():
            known = found.setdefault(name, {})
            assert not known.keys() & conditions.keys(), f"{path}: {name} has {[*conditions]} elsewhere too"
            known |= conditions
    return found


@cache
def covered_here() -> Mapping[str, Mapping[str, str]]:
    """Return the coverage by the tests of this repository's scrapers; each file is read once."""
    return covered(TESTS)


def _table(path: Path) -> Covers:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["COVERS"]:
            return {name: dict(_conditions(value, tests, path)) for name, value in _items(node.value, path)}
    return {}


def _conditions(value: ast.expr, tests: set[str], path: Path) -> Iterator[tuple[str, str]]:
    for condition, what in _items(value, path):
        assert condition in CONDITIONS, f"{path}: '{condition}' is not a condition; they are {CONDITIONS}"
        if isinstance(what, ast.Constant):
            assert str(what.value).startswith(NEVER), f"{path}: {condition}: write '{NEVER}why'"
            yield condition, str(what.value)
        else:
            test = ast.unparse(what)
            assert test in tests, f"{path}: {test} is not a test of this file"
            assert test.startswith("test_"), f"{path}: {test} is not run, as it is not named test_..."
            yield condition, test


def _items(value: ast.expr, path: Path) -> Iterator[tuple[str, ast.expr]]:
    assert isinstance(value, ast.Dict), f"{path}: COVERS is a literal: scraper, condition, test"
    for key, item in zip(value.keys, value.values, strict=True):
        assert isinstance(key, ast.Constant), f"{path}: {key and ast.unparse(key)} is not a literal"
        yield str(key.value), item


def test_only_registered_scrapers_are_covered() -> None:
    assert set(covered_here()) - set(REGISTRY) == set()


@pytest.mark.parametrize("name", REGISTRY)
def test_every_source_condition_is_covered(name: str) -> None:
    """Silent emptiness and failure paths that never ran are the typical faults of fleets."""
    assert set(CONDITIONS) - covered_here().get(name, {}).keys() == set()


@pytest.mark.parametrize("spec", SPECS)
def test_conditions_covered_as_never_match_description(spec: ScraperSpec) -> None:
    result = covered_here()[spec.name]
    assert {condition for condition, what in result.items() if what.startswith(NEVER)} <= {"not_published"}
    assert result["not_published"].startswith(NEVER) == spec.not_published.startswith("never")


@pytest.mark.parametrize("spec", SPECS)
def test_description_is_capitalized_without_period_or_todo(spec: ScraperSpec) -> None:
    texts = [spec.description, *(parameter.description for parameter in spec.parameters.values())]
    for text in texts:
        assert text[0].isupper(), text
        assert not text.endswith("."), text
        assert "TODO" not in text, text
    assert len(spec.not_published) > 10


@pytest.mark.parametrize("spec", SPECS)
def test_scraper_folder_is_complete(spec: ScraperSpec) -> None:
    folder = SCRAPERS_DIR / spec.source / spec.name
    assert {"__init__.py", "__main__.py", "scraper.py", "scraper.yaml"} <= {
        path.name for path in folder.iterdir()
    }
    assert f'run_module("{spec.name}")' in (folder / "__main__.py").read_text()
    for module in ("__init__.py", "scraper.py"):
        assert ast.get_docstring(ast.parse((folder / module).read_text())), (
            f"{module} does not say what it is"
        )


def test_scrapers_write_to_separate_folders() -> None:
    roots = [scraper.spec.output_root for scraper in REGISTRY.values()]
    assert len(set(roots)) == len(roots)


def test_required_string_parameters_are_output_parameters() -> None:
    """A day's listing names the day's games, teams or events."""
    for scraper in REGISTRY.values():
        spec = scraper.spec
        subjects = [name for name, one in spec.parameters.items() if one.required and one.type == "string"]
        assert set(subjects) <= set(spec.output_parameters), spec.name


class TestTables:
    """Messages about faulty tables."""

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ('COVERS = {"a": {"normal": test_b}}', "test_b is not a test of this file"),
            ('COVERS = {"a": {"norml": test_a}}', "'norml' is not a condition"),
            ('COVERS = {"a": {"empty": "later"}}', "write 'never: why'"),
            ('COVERS = {"a": check}', "COVERS is a literal"),
            ('COVERS = {name: {"normal": test_a}}', "name is not a literal"),
        ],
    )
    def test_faulty_table_is_refused_with_reason(self, tmp_path: Path, text: str, complaint: str) -> None:
        (tmp_path / "test_a.py").write_text(f"def test_a():\n    pass\n\n\n{text}\n")
        with pytest.raises(AssertionError, match=complaint):
            covered(tmp_path)

    def test_condition_in_two_files_is_refused(self, tmp_path: Path) -> None:
        for name in ("test_a.py", "test_b.py"):
            (tmp_path / name).write_text('def test_a():\n    pass\nCOVERS = {"a": {"normal": test_a}}\n')
        with pytest.raises(AssertionError, match="elsewhere too"):
            covered(tmp_path)

    def test_tables_of_several_files_are_merged(self, tmp_path: Path) -> None:
        for condition in ("normal", "empty"):
            path = tmp_path / f"test_{condition}.py"
            path.write_text(f'def test_a():\n    pass\nCOVERS = {{"a": {{"{condition}": test_a}}}}\n')
        assert covered(tmp_path) == {"a": {"normal": "test_a", "empty": "test_a"}}

"""Where docstrings say what a field means."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("bench", "cli", "devtools", "examples", "libs", "services", "tests")
# At the begin of a sentence: "name: text" or "one, other: text", as a legend has it.
LEGEND = re.compile(r"(?:\A|(?<=[.;\n])\s*)`?(\w+`?(?:, `?\w+`?)*):\s")


def packed_fields(source: str) -> Iterator[tuple[str, str]]:
    """Class and field, of each field whose meaning stands in the docstring of its class."""
    # Most tests have no class, and to parse them all would take longer than the rest of this file.
    if not re.search(r"^ *class ", source, re.MULTILINE):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            assigned = (part.target for part in node.body if isinstance(part, ast.AnnAssign))
            fields = {target.id for target in assigned if isinstance(target, ast.Name)}
            for names in LEGEND.findall(ast.get_docstring(node) or ""):
                yield from ((node.name, name) for name in re.findall(r"\w+", names) if name in fields)


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_field_means_stands_under_the_field(folder: str) -> None:
    """There an editor shows it where the field is used."""
    packed = {
        str(path.relative_to(REPOSITORY)): found
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if (found := list(packed_fields(path.read_text(encoding="utf-8"))))
    }
    assert packed == {}


@pytest.mark.parametrize(
    ("docstring", "packed"),
    [
        ("count: how many.", ["count"]),
        ("Things. count, other, size: both.", ["count", "size"]),
        ("Things.\n\n    `size`: in bytes.", ["size"]),
        ("Things of one size: the small ones.", []),
        ("A `size` of things.", []),
    ],
)
def test_a_legend_begins_a_sentence(docstring: str, packed: list[str]) -> None:
    source = f'class Things:\n    """{docstring}"""\n\n    count: int\n    size: int\n'
    assert list(packed_fields(source)) == [("Things", name) for name in packed]

"""Rules for docstrings: a description under each field, and a noun phrase for each class or module."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("bench", "cli", "devtools", "examples", "libs", "services", "tests")
QUESTION = re.compile(r"(What|How|Who|Where|Whether|Which|When|Why)\b")
# A legend at the beginning of a sentence: "name: text" or "one, other: text".
LEGEND = re.compile(r"(?:\A|(?<=[.;\n])\s*)`?(\w+`?(?:, `?\w+`?)*):\s")


def fields_of(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> set[str]:
    """Return the fields of a class, with those of its bases in the same module."""
    assigned = (part.target for part in node.body if isinstance(part, ast.AnnAssign))
    named = {base.id for base in node.bases if isinstance(base, ast.Name)}
    # A class may extend an imported class of the same name.
    bases = [classes[name] for name in named - {node.name} if name in classes]
    own = {target.id for target in assigned if isinstance(target, ast.Name)}
    return own.union(*(fields_of(base, classes) for base in bases))


def packed_fields(source: str) -> Iterator[tuple[str, str]]:
    """Yield class and field for each field that its class's docstring describes."""
    # Most tests have no class, and parsing all of them would take longer than the rest of this file.
    if not re.search(r"^ *class ", source, re.MULTILINE):
        return
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    classes = {node.name: node for node in nodes}
    for node in nodes:
        fields = fields_of(node, classes)
        for names in LEGEND.findall(ast.get_docstring(node) or ""):
            yield from ((node.name, name) for name in re.findall(r"\w+", names) if name in fields)


@pytest.mark.parametrize("folder", FOLDERS)
def test_field_description_stands_under_the_field(folder: str) -> None:
    """An editor shows such a description at each use of the field."""
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


def test_a_legend_of_inherited_fields_is_found() -> None:
    source = """class Base:\n    size: int\n\n\nclass Things(Base):\n    '''Things.\n\n    size: in bytes.\n    '''\n"""
    assert list(packed_fields(source)) == [("Things", "size")]


def questions(source: str) -> Iterator[str]:
    """Yield the names of classes, and "" for the module, whose docstrings begin like a question."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef) and QUESTION.match(ast.get_docstring(node) or ""):
            yield getattr(node, "name", "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_class_or_module_is_described_by_a_noun_phrase(folder: str) -> None:
    """A docstring that begins like a question does not name its subject apart from the code, as in a schema."""
    found = {
        str(path.relative_to(REPOSITORY)): names
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if (names := list(questions(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("docstring", "is_question"),
    [
        ("What a run did.", True),
        ("Whether it is over.", True),
        ("Files republished by one run.", False),
        ("Whatever the caller wrote.", False),
    ],
)
def test_a_question_is_found_in_modules_and_classes(docstring: str, is_question: bool) -> None:
    source = f'"""{docstring}"""\n\n\nclass Things:\n    """{docstring}"""\n'
    assert list(questions(source)) == (["", "Things"] if is_question else [])

"""Rules for comments, docstrings, messages and names of tests: each names its subject, so that it can be read alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("bench", "cli", "devtools", "examples", "infra", "libs", "services", "tests")
# Shorter literals are keys, names and parts of sentences.
MESSAGE_WORDS = 3
# These words stand where a noun should: a reader cannot tell which fact, caller, operator or process is meant.
UNNAMED = re.compile(
    r"\bwhat\b(?! to\b)|\bof (?:which|what|whom)\b|\bthat which\b|\b(?:whoever|somebody|nobody|anybody)\b",
    re.I,
)
# Such a sentence begins with its object: "Of a day that is over ...".
INVERTED = re.compile(r"Of\b")
COMMENT = re.compile(r"^(?P<code>.*?)(?:^|\s)# (?P<text>.*)$")
SENTENCES = re.compile(r"(?<=[.;!?])\s+")


def documentation(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the literal of each docstring and description."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as literal):
                yield literal
            case ast.keyword(arg="description", value=ast.Constant(value=str()) as literal):
                yield literal


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield each docstring, description and comment with its line; comments on consecutive lines are one text."""
    for literal in documentation(ast.parse(source)):
        yield literal.lineno, str(literal.value)
    first, words = 0, list[str]()
    for number, line in enumerate([*source.splitlines(), ""], start=1):
        found = COMMENT.match(line)
        beside_code = found is not None and bool(found["code"].strip())
        if words and (found is None or beside_code):
            yield first, " ".join(words)
            words = []
        if found is None:
            continue
        if beside_code:
            yield number, found["text"]
        else:
            first = first if words else number
            words.append(found["text"])


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield each other string literal of three or more words with its line; {} stands for each value of an f-string."""
    tree = ast.parse(source)
    # The parts of an f-string are literals of their own; they are read with the whole.
    seen = {id(literal) for literal in documentation(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr(values=parts):
                seen.update(map(id, parts))
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
            case ast.Constant(value=str(text)) if id(node) not in seen:
                pass
            case _:
                continue
        if len(text.split()) >= MESSAGE_WORDS:
            yield node.lineno, text


def names_of_tests(source: str) -> Iterator[tuple[int, str]]:
    """Yield the name of each test with its line, as a sentence."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.removeprefix("test_").replace("_", " ").capitalize()


def unnamed_subjects(found: Iterator[tuple[int, str]]) -> list[str]:
    """Return the sentences that break a rule, each with its line."""
    return [
        f"{line}: {sentence}"
        for line, text in found
        for sentence in SENTENCES.split(" ".join(text.split()))
        if UNNAMED.search(sentence) or INVERTED.match(sentence)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_sentence_names_its_subject(folder: str) -> None:
    found = {
        str(path.relative_to(REPOSITORY)): sentences
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if (sentences := unnamed_subjects(texts(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != "tests"])
def test_each_message_names_its_subject(folder: str) -> None:
    found = {
        str(path.relative_to(REPOSITORY)): sentences
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if (sentences := unnamed_subjects(messages(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_each_name_of_a_test_names_its_subject() -> None:
    found = {
        str(path.relative_to(REPOSITORY)): names
        for path in sorted((REPOSITORY / "tests").rglob("*.py"))
        if (names := unnamed_subjects(names_of_tests(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("sentence", "is_refused"),
    [
        ("Return what is known of the day.", True),
        ("Nobody waits for the answer.", True),
        ("The rows of which one is late.", True),
        ("Of a day that is over nothing is asked.", True),
        ("Return the facts known about the day.", False),
        ("Decide what to fetch.", False),
        ("Often the source is late.", False),
    ],
)
@pytest.mark.parametrize(
    "source",
    [
        '"""{}"""\n',
        "count = 1  # {}\n",
        "# Read once.\n# {}\n",
        'size = Field(description="{}")\n',
        'size = 1\n"""{}"""\n',
    ],
)
def test_a_sentence_without_its_subject_is_found(source: str, sentence: str, is_refused: bool) -> None:
    assert bool(unnamed_subjects(texts(source.format(sentence)))) == is_refused


def test_consecutive_comment_lines_form_a_single_text() -> None:
    assert list(texts("one = 1\n# Read once,\n# then kept.\ntwo = 2  # later\n# last\n")) == [
        (2, "Read once, then kept."),
        (4, "later"),
        (5, "last"),
    ]


@pytest.mark.parametrize(
    ("literal", "is_refused"),
    [
        ('"nobody subscribes to the topic"', True),
        ('f"{host} is down: what it said is in {log}"', True),
        ('f"waited {seconds} s for {what}"', False),
        ("f\"{'what is missing' if days else ''}: {days}\"", True),
        ('"what"', False),
    ],
)
def test_a_message_without_its_subject_is_found(literal: str, is_refused: bool) -> None:
    assert bool(unnamed_subjects(messages(f"print({literal})\n"))) == is_refused


def test_a_docstring_is_no_message() -> None:
    assert list(messages('"""Read it once."""\nsize = Field(description="Size in bytes.")\n')) == []


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("test_what_is_paused_is_listed", True),
        ("test_of_two_pauses_the_longer_counts", True),
        ("test_missing_channel_notifies_nobody", True),
        ("test_paused_workflows_are_listed", False),
        ("test_decision_names_what_to_fetch", False),
    ],
)
def test_a_name_without_its_subject_is_found(name: str, is_refused: bool) -> None:
    assert bool(unnamed_subjects(names_of_tests(f"def {name}(): ..."))) == is_refused

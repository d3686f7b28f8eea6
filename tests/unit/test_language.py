"""Rules for sentences in comments and docstrings: each names its subject, so that it can be read without the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDERS = ("bench", "cli", "devtools", "examples", "infra", "libs", "services", "tests")
# These words stand where a noun should: a reader cannot tell which fact, caller, operator or process is meant.
UNNAMED = re.compile(
    r"\bwhat\b(?! to\b)|\bof (?:which|what|whom)\b|\bthat which\b|\b(?:whoever|somebody|nobody|anybody)\b",
    re.I,
)
# Such a sentence begins with its object: "Of a day that is over ...".
INVERTED = re.compile(r"Of\b")
COMMENT = re.compile(r"^(?P<code>.*?)(?:^|\s)# (?P<text>.*)$")
SENTENCES = re.compile(r"(?<=[.;!?])\s+")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield each docstring, description and comment with its line; comments on consecutive lines are one text."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
            case ast.keyword(arg="description", value=ast.Constant(value=str(text)) as value):
                yield value.lineno, text
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


def unnamed_subjects(source: str) -> list[str]:
    """Return the sentences that break a rule, each with its line."""
    return [
        f"{line}: {sentence}"
        for line, text in texts(source)
        for sentence in SENTENCES.split(" ".join(text.split()))
        if UNNAMED.search(sentence) or INVERTED.match(sentence)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_sentence_names_its_subject(folder: str) -> None:
    found = {
        str(path.relative_to(REPOSITORY)): sentences
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if (sentences := unnamed_subjects(path.read_text(encoding="utf-8")))
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
    assert bool(unnamed_subjects(source.format(sentence))) == is_refused


def test_a_comment_of_two_lines_is_one_text() -> None:
    assert list(texts("one = 1\n# Read once,\n# then kept.\ntwo = 2  # later\n# last\n")) == [
        (2, "Read once, then kept."),
        (4, "later"),
        (5, "last"),
    ]

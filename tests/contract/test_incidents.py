"""`docs/explanation/incidents.md`: the tests that it names exist, and every cited incident number is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tipoff_cli.checkout import REPOSITORY

PAGE = (REPOSITORY / "docs/explanation/incidents.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\d+)\. .+\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))
TESTS = {
    name
    for path in (REPOSITORY / "tests").rglob("test_*.py")
    for name in re.findall(r"^\s*def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_incidents_are_numbered_without_gap() -> None:
    assert list(SECTIONS) == [str(number) for number in range(1, len(SECTIONS) + 1)]
    assert len(SECTIONS) >= 40


@pytest.mark.parametrize("number", SECTIONS)
def test_every_incident_names_existing_tests(number: str) -> None:
    named = re.findall(r"`(test_\w+)`", SECTIONS[number])
    assert named
    assert [name for name in named if name not in TESTS] == []


@pytest.mark.parametrize("number", SECTIONS)
def test_every_incident_has_a_now_paragraph(number: str) -> None:
    assert "**Now**" in SECTIONS[number]


def cited() -> Iterator[tuple[str, str]]:
    for folder in ("tests", "docs/adr", "services", "libs"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix in (".py", ".md"):
                for numbers in re.findall(
                    r"(?i)\bincidents? ([\d, and]*\d)", path.read_text(encoding="utf-8")
                ):
                    yield from (
                        (str(path.relative_to(REPOSITORY)), number) for number in re.findall(r"\d+", numbers)
                    )


def test_cited_incidents_exist() -> None:
    found = list(cited())
    assert found
    assert [(where, number) for where, number in found if number not in SECTIONS] == []

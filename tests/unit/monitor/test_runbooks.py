"""Tests of the runbooks: one for each rule, with commands that exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tipoff_cli.main import app
from tipoff_dataset.queries import named, names
from tipoff_monitor.loading import load_rules

REPOSITORY = Path(__file__).parents[3]
BOOK = load_rules(REPOSITORY / "config/alerts.yaml", REPOSITORY / "queries")
RULES = BOOK.file.all_rules
PAGES = sorted((REPOSITORY / "docs/runbooks").glob("*.md"))
_COMMAND = re.compile(r"^\s*(?:\.venv/bin/)?(tipoff [^#|\n]+)", re.MULTILINE)


def commands_of(text: str) -> list[str]:
    fenced = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [match.strip() for block in fenced for match in _COMMAND.findall(block.replace("\\\n", " "))]


def check(command: str) -> None:
    """Parse a command as the command line does, without running it; fail on missing or unknown arguments."""
    words = shlex.split(command)[1:]
    found: Any = get_command(app)
    while hasattr(found, "get_command") and words:
        sub = found.get_command(None, words[0])
        assert sub is not None, f"no command '{words[0]}' in: {command}"
        found, words = sub, words[1:]
    # A group without a command prints its help and exits with 2.
    assert not hasattr(found, "get_command"), f"a group of commands, none of which is named: {command}"
    # Raises for an unknown, missing or invalid argument or option.
    found.make_context(found.name, list(words))
    if found.name == "query" and words and not words[0].startswith("--"):
        assert words[0] in names(), f"no such query in: {command}"
        declared = {parameter.name for parameter in named(words[0]).parameters}
        for given in (word for word in words if "=" in word):
            assert given.partition("=")[0] in declared, f"no such parameter in: {command}"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("tipoff", "a group of commands"),
        ("tipoff files", "a group of commands"),
        ("tipoff filse list", "no command 'filse'"),
        ("tipoff explain", "Missing parameter: workflow"),
        ("tipoff deploy prod", "Missing parameter: project"),
        ("tipoff status --fault", "No such option: --fault"),
        ("tipoff trigger x --date never", "'never' is not a date"),
        ("tipoff query why_ran", "no such query"),
    ],
)
def test_a_command_that_cannot_be_run_is_found(command: str, what: str) -> None:
    with pytest.raises(Exception, match=what):
        check(command)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_its_runbook(name: str) -> None:
    assert (REPOSITORY / RULES[name].runbook).is_file()


@pytest.mark.parametrize("name", RULES)
def test_the_command_of_a_rule_exists(name: str) -> None:
    check(RULES[name].command.format(subject="x", workflow="x", scraper="x"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_runbook_exist(page: Path) -> None:
    for command in commands_of(page.read_text()):
        check(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_runbook_contains_no_sql_and_no_dataset_name(page: Path) -> None:
    """An SQL statement names one fleet's dataset, and the local stack has no place to run it."""
    text = page.read_text()
    assert "```sql" not in text
    assert "nba_orchestration" not in text


def test_every_runbook_is_in_the_list() -> None:
    listed = (REPOSITORY / "docs/runbooks/README.md").read_text()
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in listed] == []

"""Tests of the command line's usage: lists of commands and refusals."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from tests.unit.cli.commands.harness import URL, Run
from tipoff_cli.main import app


def commands_with(option: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command that has the option."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if any(option in parameter.opts for parameter in command.params):
            yield words
        for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
            yield from below(command.get_command(None, name), (*words, name))

    return below(get_command(app), ())


class TestHelp:
    def test_help_lists_commands_by_name(self, run: Run) -> None:
        listed = {line.strip("│ ").split(" ")[0] for line in run("--help").output.splitlines()}
        assert listed >= {"up", "scrape", "validate", "scrapers", "dead-letters", "files", "tables"}


class TestScrape:
    def test_scrape_shows_usage_with_help_and_without_arguments(self, run: Run) -> None:
        assert "tipoff scrape NAME --help" in run("scrape", "--help").output
        assert "Usage" in run("scrape", code=2).output


class TestTrace:
    @pytest.mark.parametrize("empty", ["", " "])
    def test_empty_id_is_refused(self, run: Run, empty: str) -> None:
        result = run("trace", empty, code=2)
        assert "the ID is empty" in result.stderr
        assert "near" not in result.output


def test_wrong_usage_exits_2(run: Run) -> None:
    run("simulate", "--nonsense", code=2)


def test_future_as_of_is_refused_by_each_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`diagnose`, `sick` and `files` answered as if nothing had run since."""
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", URL)
    commands = list(commands_with("--as-of"))
    assert {("status",), ("sick",), ("diagnose",), ("query",), ("files", "list")} <= set(commands)
    for words in commands:
        refused = run(*words, "--as-of", "tomorrow", code=2)
        assert "'tomorrow' is in the future" in refused.stderr, words
        assert not refused.stdout


def test_missing_stack_is_reported_before_future_as_of(run: Run) -> None:
    assert "no stack runs here" in run("sick", "--as-of", "tomorrow", code=3).stderr

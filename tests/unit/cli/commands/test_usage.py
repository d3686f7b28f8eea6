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
    def test_every_command_is_listed_by_its_name(self, run: Run) -> None:
        listed = {line.strip("│ ").split(" ")[0] for line in run("--help").output.splitlines()}
        assert listed >= {"up", "scrape", "validate", "scrapers", "dead-letters", "files", "tables"}


class TestScrape:
    def test_help_is_usage(self, run: Run) -> None:
        assert "tipoff scrape NAME --help" in run("scrape", "--help").output
        assert "Usage" in run("scrape", code=2).output


class TestTrace:
    @pytest.mark.parametrize("empty", ["", " "])
    def test_an_empty_id_is_like_none(self, run: Run, empty: str) -> None:
        result = run("trace", empty, code=2)
        assert "the ID is empty" in result.stderr
        assert "near" not in result.output


def test_wrong_use_ends_with_two(run: Run) -> None:
    run("simulate", "--nonsense", code=2)


def test_each_command_refuses_an_instant_to_come(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`diagnose`, `sick` and `files` answered as if nothing had run since."""
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", URL)
    asked = list(commands_with("--as-of"))
    assert {("status",), ("sick",), ("diagnose",), ("query",), ("files", "list")} <= set(asked)
    for words in asked:
        refused = run(*words, "--as-of", "tomorrow", code=2)
        assert "'tomorrow' is in the future" in refused.stderr, words
        assert not refused.stdout


def test_a_place_that_is_not_connected_is_named_before_an_instant_to_come(run: Run) -> None:
    assert "no stack runs here" in run("sick", "--as-of", "tomorrow", code=3).stderr

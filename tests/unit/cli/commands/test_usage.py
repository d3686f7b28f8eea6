"""Tests of the command line's usage: lists of commands and refusals."""

import pytest

from tests.unit.cli.commands.harness import Run


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

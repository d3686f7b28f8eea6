"""Tests of `tipoff simulate`: a season under one or two configurations."""

import json
import re
from pathlib import Path

import pytest

from tests.support.seasons import WORKFLOWS
from tests.unit.cli.commands.harness import SLATE, Run

REPOSITORY = Path(__file__).parents[4]
TIDES = REPOSITORY / "examples/tides"


class TestSimulate:
    DAYS = ("--from", SLATE, "--to", SLATE)

    def test_the_numbers_as_json(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("simulate", *season, *self.DAYS, "--seed", "7", "--json").stdout)
        assert (answer["games"], answer["seed"], answer["ticks"]) == (11, 7, 2 * 96)
        assert answer["workflows"]["post_game"]["found"] == 11
        assert answer["sources"]["nbacom"]["requests"] > 0

    def test_period_without_games_exits_1(self, run: Run, season: tuple[str, ...]) -> None:
        output = run("simulate", *season, "--from", "2019-01-01", "--to", "2019-01-03", code=1)
        assert "no game from 2019-01-01 to 2019-01-03; its games are from 20" in output.output

    def test_a_fleet_without_games_needs_no_schedule(self, run: Run) -> None:
        files = ("--workflows", str(TIDES / "config/workflows.yaml"), "--scrapers", str(TIDES / "tides"))
        answer = json.loads(run("simulate", *files, *self.DAYS, "--json").stdout)
        assert (answer["games"], answer["workflows"]["tides"]["found"]) == (0, 1)

    def test_a_workflow_that_needs_games_needs_a_schedule(self, run: Run) -> None:
        output = run("simulate", *self.DAYS, code=2)
        assert re.search(r"--schedule is missing: \w+ needs games; name a file with them", output.output)

    def test_guide_explains_every_printed_number(self, run: Run) -> None:
        files = ("--workflows", str(TIDES / "config/workflows.yaml"), "--scrapers", str(TIDES / "tides"))
        printed = run("simulate", *files, *self.DAYS).stdout
        (head,) = re.findall(r"workflow +(attempts .*?) *\n", printed)
        guide = (REPOSITORY / "docs/how-to/simulate-a-season.md").read_text(encoding="utf-8")
        explained = {
            name for row in re.findall(r"^\| ([\w, ]+) \|", guide, re.MULTILINE) for name in row.split(", ")
        }
        # The failed ones need no explanation.
        assert set(head.split()) - explained == {"failed"}

    def test_two_configurations_side_by_side(self, run: Run, season: tuple[str, ...], tmp_path: Path) -> None:
        other = tmp_path / "other.yaml"
        other.write_text(WORKFLOWS.replace("every: 1h", "every: 15m"))
        arguments = ("simulate", *season, *self.DAYS, "--compare", str(other))
        answer = json.loads(run(*arguments, "--json").stdout)["configurations"]
        hourly, quarterly = (item["workflows"]["injury_discovery"] for item in answer.values())
        assert hourly["attempts"] < quarterly["attempts"]
        assert (
            hourly["delay"]["median"] >= quarterly["delay"]["median"]
        )  # more attempts for the same publication
        assert list(answer) == [season[3], str(other)]
        assert "other.yaml" in run(*arguments).stdout

    def test_failed_scrapes_are_listed_and_exit_3(
        self, run: Run, season: tuple[str, ...], tmp_path: Path
    ) -> None:
        world = tmp_path / "world.yaml"
        world.write_text("name: dark\noutages: [{start: 2025-01-01T00:00:00Z, end: 2025-02-01T00:00:00Z}]\n")
        shown = run("simulate", *season, *self.DAYS, "--world", str(world), code=3).stdout
        assert "nbac_injury_report failed: http (2025-01-15)" in shown

    def test_missing_runs_are_listed_with_times(self, run: Run, season: tuple[str, ...]) -> None:
        arguments = ("simulate", *season, *self.DAYS, "--tick-every", "8h")
        shown = run(*arguments, code=3).stdout
        answer = json.loads(run(*arguments, "--json", code=3).stdout)
        numbers = answer["workflows"]["injury_discovery"]
        assert len(numbers["missing_runs"]) == numbers["statuses"]["MISSING"]
        count = len(numbers["missing_runs"])
        assert re.search(rf"injury_discovery MISSING {count} times?: no run at 2025-01-1\d \d\d:\d\d", shown)

    @pytest.mark.parametrize(
        ("arguments", "code", "what"),
        [
            (("--from", "2025-01-16", "--to", SLATE), 2, "swap them"),
            ((*DAYS, "--tick-every", "often"), 2, "not a duration"),
            ((*DAYS, "--tick-every", "48h"), 2, "from 1m to 24h"),
            ((*DAYS, "--world", "nowhere.yaml"), 1, "name an existing file"),
            ((*DAYS, "--compare", "nowhere.yaml"), 1, "name an existing file"),
        ],
    )
    def test_unusable_arguments_are_refused(
        self, run: Run, season: tuple[str, ...], arguments: tuple[str, ...], code: int, what: str
    ) -> None:
        assert what in run("simulate", *season, *arguments, code=code).stderr

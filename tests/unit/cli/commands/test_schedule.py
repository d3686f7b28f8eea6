"""Tests of `tipoff schedule`: the expected runs of a day."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.commands.harness import SLATE, Run
from tipoff_cli.calendars import payload_parser
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.catalog import load_catalog
from tipoff_common.clock import business_date
from tipoff_common.wall_clock import wall_now


class TestSchedule:
    def test_a_day_is_listed_by_time(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("schedule", "--date", SLATE, "--json", *season).stdout)
        assert answer["games"] == 11
        times = [item["expected"] for item in answer["occurrences"]]
        assert times == sorted(times)
        first = answer["occurrences"][0]
        assert (first["workflow"], first["expected_local"], first["subject"]) == (
            "morning_operations",
            "05:00",
            "-",
        )
        assert sum(item["workflow"] == "post_game" for item in answer["occurrences"]) == 11 * 8

    def test_both_date_formats_give_same_day(self, run: Run, season: tuple[str, ...]) -> None:
        shown = run("schedule", "--date", "20250115", *season).stdout
        assert shown == run("schedule", "--date", SLATE, *season).stdout
        assert "Wednesday 15 January 2025, 11 games" in shown
        assert " +1" in shown  # box scores of late games are due after midnight

    def test_day_outside_calendar_is_not_reported_as_gameless(
        self, run: Run, season: tuple[str, ...]
    ) -> None:
        shown = run("schedule", "--date", "2030-01-15", *season).stdout
        assert "the calendar does not cover 2030-01-15 (it has games from " in " ".join(shown.split())
        assert json.loads(run("schedule", "--date", "2030-01-15", "--json", *season).stdout)["games"] is None

    def test_landed_document_is_accepted_as_schedule(
        self, run: Run, season: tuple[str, ...], tmp_path: Path
    ) -> None:
        from tipoff_planning.schedule_file import read_games

        parse = payload_parser(load_catalog(SCRAPERS)["nbac_schedule"])
        records = [game.model_dump(mode="json") for game in read_games(Path(season[1]), parse)]
        landed = tmp_path / "landed.json"
        landed.write_text(json.dumps({"scraper": "nbac_schedule", "records": records}))
        both = [
            json.loads(run("schedule", "--date", SLATE, "--json", "--schedule", file, *season[2:]).stdout)
            for file in (season[1], str(landed))
        ]
        assert both[0]["occurrences"] == both[1]["occurrences"]

    @pytest.mark.parametrize("body", ["", "{", "[]", '{"records": []}', '{"leagueSchedule": {}}'])
    def test_invalid_schedule_file_is_refused(
        self, run: Run, season: tuple[str, ...], tmp_path: Path, body: str
    ) -> None:
        file = tmp_path / "broken.json"
        file.write_text(body)
        refused = run("schedule", "--date", SLATE, "--schedule", str(file), *season[2:], code=1)
        assert f"{file}: not a schedule" in refused.stderr

    def test_missing_stack_is_refused_with_schedule_option(self, run: Run) -> None:
        refused = run("schedule", "--date", SLATE, code=1).stderr
        assert "tipoff up" in refused
        assert "--schedule" in refused

    def test_default_date_is_today(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("schedule", "--json", *season).stdout)
        assert answer["date"] == business_date(wall_now()).isoformat()

    def test_date_out_of_range_is_refused(self, run: Run, season: tuple[str, ...]) -> None:
        assert "1850-01-15 is out of range" in run("schedule", "--date", "1850-01-15", *season, code=2).stderr

    def test_invalid_date_is_refused(self, run: Run, season: tuple[str, ...]) -> None:
        assert "write 2025-01-15 or 20250115" in run("schedule", "--date", "someday", *season, code=2).stderr

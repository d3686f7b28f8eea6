"""Tests of `tipoff explain`: the decision at an instant and its reasons."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.cli.commands.harness import Controller, Run
from tipoff_cli import connection
from tipoff_cli.calendars import payload_parser
from tipoff_cli.checkout import SCRAPERS
from tipoff_common.catalog import load_catalog
from tipoff_common.wall_clock import wall_now
from tipoff_planning import expectations
from tipoff_planning.explanation import explain_workflow
from tipoff_planning.loading import load_workflows
from tipoff_planning.schedule_file import read_calendar_file


class TestExplain:
    @pytest.mark.parametrize(
        ("at", "action", "code", "unmet"),
        [
            ("2025-01-15 11:05", "RUN", "due", set()),
            ("2025-01-15T16:05:00Z", "RUN", "due", set()),
            ("2025-01-15 09:00", "SKIP", "too_early", {"window"}),
            ("2025-01-15 20:00", "SKIP", "not_found", {"window"}),
            ("2025-01-17 11:05", "SKIP", "no_games", {"window", "games"}),
        ],
    )
    def test_conditions_and_decision_are_explained(
        self, run: Run, season: tuple[str, ...], at: str, action: str, code: str, unmet: set[str]
    ) -> None:
        answer = json.loads(run("explain", "injury_discovery", "--at", at, "--json", *season).stdout)
        (decision,) = answer["decisions"]
        assert (decision["action"], decision["reason_code"]) == (action, code)
        conditions = [*answer["conditions"], *decision["conditions"]]
        assert {item["name"] for item in conditions if not item["met"]} == unmet
        assert "assumed empty" in answer["history"]

    def test_per_game_workflow_has_one_decision_per_game(self, run: Run, season: tuple[str, ...]) -> None:
        shown = run("explain", "post_game", "--at", "2025-01-15 23:50", *season).stdout
        assert shown.count("RUN due") > 1
        assert "slot 1 of 8, counting unused ones" in shown

    def test_day_without_expected_runs_shows_no_placeholder_subject(
        self, run: Run, season: tuple[str, ...]
    ) -> None:
        shown = run("explain", "post_game", "--at", "2025-07-15 13:00", *season).stdout
        assert "nothing is expected today or tomorrow" in shown
        assert "none-due" not in shown

    def test_workflow_without_games_needs_no_calendar(self, run: Run) -> None:
        assert "RUN due" in run("explain", "morning_operations", "--at", "2025-01-15 06:00").stdout
        shown = run("explain", "morning_operations", "--at", "2025-01-15 13:00").stdout
        assert "RUN calendar_stale" in shown
        assert "games: none, as no stack is reachable" in shown
        assert "name a file with --schedule" in run("explain", "post_game", code=1).stderr

    def test_unknown_name_is_refused_with_known_workflows(self, run: Run, season: tuple[str, ...]) -> None:
        refused = run("explain", "injuries", "--at", "2025-01-15 11:05", *season, code=1)
        assert "there are morning_operations, injury_discovery" in refused.stderr

    def test_scraper_name_is_refused_with_diagnose_command(self, run: Run, season: tuple[str, ...]) -> None:
        refused = run("explain", "nbac_schedule", *season, code=1)
        assert (
            "'nbac_schedule' is a scraper, not a workflow; use: tipoff diagnose nbac_schedule"
            in refused.stderr
        )

    def test_default_instant_is_now(self, run: Run, season: tuple[str, ...]) -> None:
        answer = json.loads(run("explain", "injury_discovery", "--json", *season).stdout)
        assert abs(datetime.fromisoformat(answer["at"]) - wall_now()) < timedelta(minutes=5)

    def test_calendar_newer_than_instant_has_no_age(self, season: tuple[str, ...]) -> None:
        configuration = load_workflows(Path(season[3]), load_catalog(SCRAPERS))
        at = datetime(2025, 1, 15, 16, 5, tzinfo=UTC)
        parse = payload_parser(configuration.catalog["nbac_schedule"])
        calendar = read_calendar_file(Path(season[1]), at + timedelta(days=3), parse)
        result = explain_workflow("injury_discovery", at, configuration, calendar)
        condition = result.general[0]
        assert (condition.name, condition.met) == ("calendar", True)
        assert (
            condition.detail
            == "fetched 3 days afterwards: the games as known then, not at the explained instant"
        )

    @pytest.mark.parametrize("minutes", [None, 39, 55])
    @pytest.mark.parametrize("at", [None, "2025-01-15 11:05"])
    def test_stale_dataset_is_reported_only_for_present_instant(
        self,
        run: Run,
        season: tuple[str, ...],
        controller: Controller,
        monkeypatch: pytest.MonkeyPatch,
        minutes: int | None,
        at: str | None,
    ) -> None:
        """While the logger was stuck, a workflow that had run minutes before was explained as RUN due."""
        last = None if minutes is None else wall_now() - timedelta(minutes=minutes)
        controller.warehouse.answer = lambda sql, _: (
            [{"last_decided_at": last}] if sql == expectations._LAST_DECISION else []
        )
        monkeypatch.setattr(connection.Connection, "warehouse", lambda _: controller.warehouse)
        shown = run("explain", "injury_discovery", *(("--at", at) if at else ()), *season).stdout
        result = {None: "has no decision of the last two days", 55: "55 minutes ago"}.get(
            minutes, "minutes ago"
        )
        assert (result in shown) == ("tipoff query heartbeats" in shown) == (at is None and minutes != 39)

    def test_invalid_time_is_refused(self, run: Run, season: tuple[str, ...]) -> None:
        assert "is not a valid time" in run("explain", "post_game", "--at", "noon", *season, code=2).stderr

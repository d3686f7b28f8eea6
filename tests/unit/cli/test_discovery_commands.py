"""Tests of `tipoff discovery` and the learned part of `tipoff explain`, on rows of an in-memory dataset."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.controller import at
from tests.unit.cli.commands.harness import Run
from tipoff_cli.commands import explain as explain_command
from tipoff_cli.commands.discovery import command as discovery_command
from tipoff_cli.commands.discovery.picture import show_report
from tipoff_cli.connection import NotConnected
from tipoff_cli.main import app
from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.discovery.report import DiscoveryReport

DAY = date(2025, 1, 15)

WORKFLOWS = """
version: 1
timezone: America/New_York
workflows:
  movement:
    description: signings
    schedule: {kind: discovery, window: {start: "11:00", end: "18:00"}, every: 30m}
    discovery: {strategy: STRATEGY}
    steps: [{scraper: nbac_player_movement}]
  rosters:
    description: no search
    schedule: {kind: daily, window: {start: "06:00", end: "12:00"}}
    steps: [{scraper: nbac_player_list}]
"""


@dataclass(frozen=True)
class Connected:
    """A connection to an in-memory dataset."""

    rows: list[dict[str, Any]]
    environment: str = "prod"
    where: str = "the test"
    in_event_time: bool = False

    def warehouse(self) -> MemoryWarehouse:
        return MemoryWarehouse(answer=self._answer)

    def _answer(self, sql: str, _: object) -> list[dict[str, Any]]:
        return self.rows if "searched_scrapers" in sql else []


def row(day: date, clock: str, status: str) -> dict[str, Any]:
    return {
        "request_id": f"{day}/{clock}",
        "scraper_name": "nbac_player_movement",
        "game_date": day,
        "status": status,
        "error_type": None,
        "source": "CONTROLLER",
        "triggered_at": at(clock, day),
        "opts": None,
        "completeness": None,
    }


def days(count: int) -> list[dict[str, Any]]:
    """Return the rows of half-hourly checks: published between 14:00 and 14:30 each day."""
    clocks = ["11:00", "11:30", "12:00", "12:30", "13:00", "13:30", "14:00"]
    found = []
    for number in range(1, count + 1):
        day = DAY - timedelta(days=number)
        found += [row(day, clock, "no_data") for clock in clocks]
        found.append(row(day, "14:30", "success"))
    return found


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> Run:
    """Run a command against a dataset that holds `history` days, at 15 January 2025, 10:00."""
    monkeypatch.setenv("COLUMNS", "160")

    def invoke(*arguments: str, history: int = 40, strategy: str = "learned", code: int = 0) -> Any:
        file = tmp_path / "workflows.yaml"
        file.write_text(WORKFLOWS.replace("STRATEGY", strategy))
        for module in (discovery_command, explain_command):
            monkeypatch.setattr(module, "find_connection", lambda: Connected(days(history)))
            monkeypatch.setattr(module, "wall_now", lambda: at("10:00"))
        return run(*arguments, "--workflows", str(file), code=code)

    return invoke


def test_show_draws_curve_and_lists_checks_with_purpose(run: Run) -> None:
    shown = run("discovery", "show", "movement").stdout
    assert "movement on 2025-01-15, 11:00 to 18:00" in shown
    assert "discovery: learned, model " in shown
    assert "of 40 days, 2024-12-06 to 2025-01-14" in shown
    bars = {line.split()[0]: line.count("█") for line in shown.splitlines() if "█" in line}
    assert max(bars, key=lambda name: bars[name]).startswith("14:")
    assert "expected: found" in shown
    assert "likely to be published" in shown
    assert "the window closes" in shown
    assert "planned" in shown


def test_show_as_json_is_the_read_model(run: Run) -> None:
    shown = json.loads(run("discovery", "show", "movement", "--json").stdout)
    assert shown["plan"]["model"]["days"] == 40
    assert len(shown["curve"]) == 84
    assert len(shown["days"]) == 40


@pytest.mark.parametrize(("weight", "is_reported"), [(0.93, True), (0.05, False), (None, False)])
def test_show_reports_only_considerable_tip_off_weight(
    run: Run, capsys: pytest.CaptureFixture[str], weight: float | None, is_reported: bool
) -> None:
    shown = json.loads(run("discovery", "show", "movement", "--json").stdout)
    shown["plan"]["model"]["tip_off_weight"] = weight
    capsys.readouterr()
    show_report(DiscoveryReport.model_validate(shown))
    message = "days are moved with their first tip-off, which has 93% of the weight"
    assert (message in capsys.readouterr().out) is is_reported


def test_show_gives_reason_for_fixed_beat(run: Run) -> None:
    assert (
        "fixed beat, few_days: 3 known days, and 5 are needed"
        in run("discovery", "show", "movement", history=3).stdout
    )
    fixed = run("discovery", "show", "movement", strategy="fixed").stdout
    assert "fixed beat, as configured; to learn from: model " in fixed


def test_non_discovery_workflow_is_refused_with_discovery_workflows(run: Run) -> None:
    refused = run("discovery", "show", "rosters", code=1)
    assert "rosters is of kind daily; only discovery searches for a publication; use one of movement" in (
        refused.stderr
    )


def test_advise_recommends_learning_with_estimated_gain(run: Run) -> None:
    shown = run("discovery", "advise", strategy="fixed", history=26).stdout
    assert "✔ Learn: data would have been found" in shown
    assert "write in workflows.yaml: discovery: { strategy: learned, price_per_attempt: " in shown
    (result,) = json.loads(run("discovery", "advise", "--json", strategy="fixed", history=26).stdout)
    assert result["workflow"] == "movement"
    assert result["fixed"]["mean_delay_minutes"] > 0


def test_advise_with_little_history_recommends_fixed(run: Run) -> None:
    assert "Stay with fixed: 3 days with a known publication" in run("discovery", "advise", history=3).stdout


def test_explain_shows_the_learned_part_beside_the_decision(run: Run) -> None:
    shown = run("explain", "movement", "--at", "2025-01-15 14:31").stdout
    assert "discovery: learned, model " in shown
    assert "◂" in shown
    result = json.loads(run("explain", "movement", "--at", "2025-01-15 14:31", "--json").stdout)
    model = result["discovery"]["plan"]["model"]["version"]
    assert result["decisions"][0]["context"]["discovery"]["model"] == model


def test_advise_without_connection_exits_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("discovery", "show", "movement")

    def nowhere() -> Connected:
        raise NotConnected("no stack runs here")

    monkeypatch.setattr(discovery_command, "find_connection", nowhere)
    result = CliRunner().invoke(app, ["discovery", "advise"])
    assert result.exit_code == 3
    assert "no stack runs here" in result.stderr

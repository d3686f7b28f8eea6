"""`tipoff query`, on the embedded warehouse."""

from __future__ import annotations

import csv
import io
import json

import pytest
from tests.support.dataset_rows import ELEVEN, HOUR, decided, executed
from typer.testing import CliRunner, Result

from conftest import Dataset
from tipoff_cli.console import console
from tipoff_cli.main import app

AS_OF = ["--as-of", "2026-01-15 12:00"]


PROJECT = "nba-props-platform"
NAME = "nbac_injury_report"
GCS_PATH = "gs://nba-scraped-data/nba-com/injury-report/2026-01-15/0123456789abcdef0123456789abcdef.json"
in_dev = pytest.mark.usefixtures("environ")


@pytest.fixture
def environ(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIPOFF_PROJECT", dataset.project)
    monkeypatch.setenv("TIPOFF_ENVIRONMENT", "dev")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)


@pytest.fixture(scope="module", autouse=True)
def rows(dataset: Dataset) -> None:
    dataset.insert(
        "scraper_execution_log",
        executed("e1", ELEVEN, "success", 12, environment="dev", gcs_path=GCS_PATH),
        executed("e2", ELEVEN, "no_data", environment="prod"),
    )
    dataset.insert(
        "workflow_decisions",
        decided(
            "asked",
            ELEVEN,
            "SKIP",
            "too_early",
            environment="dev",
            reason="[not] before, noon",
            context='{"attempts": 2}',
            next_check_time=(ELEVEN + HOUR).isoformat(),
        ),
    )


def query(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["query", *arguments])


@in_dev
def test_environment_defaults_to_setting_and_can_be_overridden() -> None:
    result = query("discovery_check", NAME, *AS_OF, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [
        {"status": "success", "records": 12, "triggered_at": "2026-01-15T16:00:00Z", "time_et": "11:00 AM"}
    ]
    other = query("discovery_check", NAME, *AS_OF, "--json", "--param", "environment=prod")
    assert [row["status"] for row in json.loads(other.stdout)] == ["no_data"]


@in_dev
def test_csv_option_prints_rows_as_csv() -> None:
    result = query("why_skipped", *AS_OF, "--param", "workflow_name=asked", "--csv")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert (row["time_et"], row["reason"], row["next_check_et"]) == ("11:00", "[not] before, noon", "12:00")
    assert json.loads(row["context"]) == {"attempts": 2}


@in_dev
def test_default_output_has_question_and_rows_or_notice() -> None:
    result = query("why_skipped", *AS_OF, "--param", "workflow_name=asked")
    assert result.stdout.startswith("Why did this workflow run, or not, today?")
    assert "[not]" in result.stdout
    nothing = ["why_skipped", "injury_discovery", *AS_OF]
    assert "no rows for as_of 2026-01-15 12:00:00" in query(*nothing).stdout
    assert query(*nothing, "--csv").stdout == ""


@in_dev
def test_game_date_can_differ_from_day_of_as_of() -> None:
    later = ["discovery_check", NAME, "--as-of", "2026-02-01 12:00"]
    (row,) = json.loads(query(*later, "--param", "game_date=2026-01-15", "--json").stdout)
    assert row["status"] == "success"
    nothing = query(*later).stdout
    assert "no rows for" in nothing
    for told in ("game_date 2026-02-01", "scraper_name nbac_injury_report", "environment dev"):
        assert told in nothing
    assert "tipoff query recent_executions nbac_injury_report" in nothing


@in_dev
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["recent_executions", "--param", "scraper_name=nbac_injury_reprot"],
            "did you mean nbac_injury_report",
        ),
        (["why_skipped", "--param", "workflow_name=injury_discovry"], "did you mean injury_discovery or"),
        (["discovery_check", "--json", "--param", "scraper_name=x"], "no scraper 'x'; there are "),
    ],
)
def test_unknown_name_is_a_usage_error_with_suggestions(arguments: list[str], message: str) -> None:
    result = query(*arguments, *AS_OF)
    assert result.exit_code == 2
    assert message in result.output


@in_dev
@pytest.mark.parametrize("width", [40, 80, 200])
def test_path_and_time_stay_whole_at_any_terminal_width(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "width", width)
    output = query("recent_executions", NAME, *AS_OF).stdout
    assert GCS_PATH in output
    assert "2026-01-15 11:00:00" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no query 'nothing'; there are alert_"),
        (["discovery_check", "--param", "scraper=x"], "has no parameter 'scraper'"),
        (["discovery_check"], "needs a scraper; write: tipoff query discovery_check SCRAPER"),
        (["why_skipped"], "needs a workflow; write: tipoff query why_skipped WORKFLOW"),
        (["success_rates", "x"], "success_rates takes no scraper or workflow; leave 'x' out"),
        (["success_rates", "--param", "days=many"], "'many' is not a valid INT64 for 'days'"),
        (["success_rates", "--param", "days"], "'days' is not a parameter; write --param name=value"),
        (["success_rates", "--json", "--csv"], "give --json or --csv, not both"),
        (["success_rates", "--as-of", "noon"], "is not a valid time"),
    ],
)
def test_wrong_usage_exits_2_with_remedy(arguments: list[str], message: str) -> None:
    result = query(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_unreachable_dataset_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIPOFF_PROJECT", "nowhere")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")
    result = query("success_rates")
    assert (result.exit_code, "cannot connect to" in result.output) == (1, True)


def test_list_shows_parameters_and_defaults() -> None:
    listed = query("--list").stdout
    assert "discovery_check  Has this scraper found its data for the business day?" in listed
    assert "scraper_name STRING  registered name" in listed
    described = {item["name"]: item for item in json.loads(query("--list", "--json").stdout)}
    assert described["success_rates"]["parameters"][1] == {
        "name": "days",
        "type": "INT64",
        "default": "7",
        "meaning": "number of business days",
    }

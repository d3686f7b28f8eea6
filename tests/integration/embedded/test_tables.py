"""Migrations of a live dataset, through the command line, on the embedded warehouse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2, copytree

import pytest
from google.cloud import bigquery
from tests.support.dataset_rows import ELEVEN, decided, executed
from tests.support.second_opinion import QUERY
from typer.testing import CliRunner, Result

from conftest import SCHEMAS, Dataset
from tipoff_cli.main import app
from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_dataset.files import ordered_files

NAME = "deploy_tables.sh"


def tables(
    dataset: Dataset, command: str, schemas: Path = SCHEMAS, *, options: tuple[str, ...] = ()
) -> Result:
    place = ["--url", dataset.url, "--project", dataset.project, "--schemas", str(schemas)]
    return CliRunner().invoke(app, ["tables", command, *place, *options])


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A copy of the SQL files to be changed."""
    return copytree(SCHEMAS, tmp_path / "schemas")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_fresh_dataset_matches_sql_files(dataset: Dataset) -> None:
    for command in ("diff", "verify"):
        result = tables(dataset, command)
        assert result.exit_code == 0, result.output


@dataclass(frozen=True)
class FileEdit:
    """An edit of a file, and a part of the message about it."""

    file: str
    old: str
    new: str
    said: str


REFUSED = {
    "retyped": FileEdit(
        "dead_letters.sql",
        "payload_bytes INT64",
        "payload_bytes STRING",
        "dead_letters.payload_bytes: declared STRING, the live column is INT64",
    ),
    "removed": FileEdit(
        "dead_letters.sql",
        "  detail STRING",
        "  details STRING",
        "dead_letters.detail: the files no longer have this column",
    ),
    "required": FileEdit(
        "dead_letters.sql",
        "  detail STRING",
        "  more STRING NOT NULL,\n  detail STRING",
        "dead_letters.more: the column is missing, and existing rows have no value for it",
    ),
    "not repeated": FileEdit(
        "cleanup_operations.sql",
        "errors ARRAY<STRING>",
        "errors STRING",
        "cleanup_operations.errors: declared NULLABLE, the live column is REPEATED",
    ),
    "nested": FileEdit(
        "cleanup_operations.sql",
        "    age_minutes INT64",
        "    size INT64,\n    age_minutes INT64",
        "cleanup_operations.missing_files.size: the column is missing, and ALTER TABLE cannot add it in a RECORD",
    ),
    "clustered": FileEdit(
        "cleanup_operations.sql",
        "CLUSTER BY missing_files_found, republished_count",
        "CLUSTER BY environment",
        "cleanup_operations: declared clustered by environment, the live table by missing_files_found, republished",
    ),
    "partitioned": FileEdit(
        "alert_events.sql",
        "PARTITION BY DATE(changed_at)",
        "PARTITION BY DATE(since)",
        "alert_events: declared partitioned by since, the live table by changed_at",
    ),
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_non_additive_change_is_refused_before_any_change(
    dataset: Dataset, edited: Path, change: FileEdit
) -> None:
    replace(edited / change.file, change.old, change.new)
    replace(
        edited / "scraper_execution_log.sql", "  config_hash STRING", "  later STRING,\n  config_hash STRING"
    )

    result = tables(dataset, "deploy", edited)

    assert result.exit_code == 1
    assert change.said in result.output
    columns = [
        field.name for field in dataset.client.get_table("nba_orchestration.scraper_execution_log").schema
    ]
    assert "later" not in columns


def test_missing_and_broken_views_are_reported(dataset: Dataset, edited: Path) -> None:
    (edited / "v_more.sql").write_text(
        "CREATE OR REPLACE VIEW nba_orchestration.v_more AS SELECT scraper_name FROM nba_orchestration.v_executions;"
    )
    (edited / "fn_more.sql").write_text("-- never deployed")
    shown = tables(dataset, "diff", edited)
    assert "v_more: the view is missing" in shown.output
    assert "more: the table function is missing" in shown.output

    dataset.insert("scraper_execution_log", executed("e", ELEVEN, "no_data"))
    dataset.query("CREATE OR REPLACE VIEW nba_orchestration.v_more AS SELECT 1 AS n")
    dataset.query("CREATE OR REPLACE TABLE nba_orchestration.gone AS SELECT 1 AS n")
    dataset.query("CREATE OR REPLACE VIEW nba_orchestration.v_more AS SELECT n FROM nba_orchestration.gone")
    dataset.query("DROP TABLE nba_orchestration.gone")
    (edited / "fn_more.sql").unlink()
    broken = tables(dataset, "verify", edited)
    assert broken.exit_code == 4
    assert broken.output.startswith("v_more: ")


def test_only_views_and_functions_with_another_time_zone_are_reported(
    dataset: Dataset, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored definitions contain the zone; a fleet that changes it in workflows.yaml has to deploy them again."""
    assert "another time zone" not in tables(dataset, "diff", edited).output
    monkeypatch.setenv(ZONE_VARIABLE, "Asia/Tokyo")
    fleet_zone.cache_clear()
    try:
        shown = tables(dataset, "diff", edited)
    finally:
        fleet_zone.cache_clear()
    assert shown.exit_code == 4
    assert "heartbeats: it uses another time zone than Asia/Tokyo; `tipoff tables deploy`" in shown.output
    # The files of all others name no zone.
    assert set(re.findall(r"^(\w+): it uses another time zone", shown.output, re.MULTILINE)) == {
        "cost_by_source",
        "heartbeats",
        "scraper_summary",
        "success_rates",
        "v_discovery_predictions",
        "v_discovery_status",
        "v_expected_vs_actual",
        "v_todays_scraper_summary",
    }


def test_diff_reports_missing_dataset(dataset: Dataset) -> None:
    place = ["--url", dataset.url, "--project", "nobody"]
    result = CliRunner().invoke(app, ["tables", "diff", *place])
    assert (result.exit_code, "is missing" in result.output) == (4, True)


def test_deploy_script_applies_files_in_same_order() -> None:
    script = SCHEMAS / NAME
    dry = subprocess.run(
        [script, "--dry-run", "--project", "p-1"], capture_output=True, text=True, check=True
    )
    files = [path.name for path in ordered_files(SCHEMAS)]
    assert dry.stdout.split()[-len(files) :] == files


def test_deploy_script_uses_python_and_deploys_its_folder(dataset: Dataset, tmp_path: Path) -> None:
    for name in (NAME, "datasets.sql", "workflow_decisions.sql", "fn_decisions.sql", "v_decisions.sql"):
        copy2(SCHEMAS / name, tmp_path)
    done = subprocess.run(
        [tmp_path / NAME, "--local", dataset.url, "--project", "by-script", "--dataset", "other"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = {table.table_id for table in dataset.client.list_tables("by-script.other")}
    assert names == {"workflow_decisions", "v_decisions"}


def test_additive_changes_are_shown_deployed_and_not_reverted(
    dataset: Dataset, edited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run as the last test: it changes the dataset, so its queries are not compared with the reference."""
    monkeypatch.setattr(bigquery.Client, "query_and_wait", QUERY)
    dataset.insert("workflow_decisions", decided("before", ELEVEN, "RUN", "due"))
    replace(
        edited / "workflow_decisions.sql",
        "  config_hash STRING",
        "  weather ARRAY<STRUCT<city STRING OPTIONS(description='where it\\'s'), degrees FLOAT64>> "
        "OPTIONS(description='how it was'),\n  config_hash STRING",
    )
    replace(edited / "file_receipts.sql", "processor STRING NOT NULL", "processor STRING")

    shown = tables(dataset, "diff", edited)
    assert shown.exit_code == 4
    assert "workflow_decisions.weather: the column is missing" in shown.output
    assert "file_receipts.processor: may be NULL, the live column is NOT NULL" in shown.output
    deployed = tables(dataset, "deploy", edited)
    assert deployed.exit_code == 0, deployed.output

    verified = tables(dataset, "verify", edited)
    assert verified.exit_code == 0, verified.output
    after = decided("after", ELEVEN, "RUN", "due", weather=[{"city": "Boston", "degrees": -3.5}])
    dataset.insert("workflow_decisions", after)
    found = dataset.query("SELECT occurrence_id, weather FROM nba_orchestration.v_decisions")
    assert {row["occurrence_id"]: row["weather"] for row in found}["after"] == after["weather"]
    assert len(found) == 2

    back = tables(dataset, "deploy")
    assert back.exit_code == 1
    assert "workflow_decisions.weather: the files no longer have this column (refused)" in back.output
    assert "file_receipts.processor: declared NOT NULL, the live column may be NULL (refused)" in back.output

    kept = tables(dataset, "deploy", options=("--keep-columns",))
    assert kept.exit_code == 0, kept.output
    (row,) = dataset.query(
        "SELECT weather FROM nba_orchestration.workflow_decisions WHERE occurrence_id = 'after'"
    )
    assert row["weather"] == after["weather"]

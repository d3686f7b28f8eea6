"""Tests of Grafana's files: the SDK's models read them whole, and every panel follows the rules."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tipoff_cli.checkout import find_fleet
from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_dev.fleet.repository import init_fleet
from tipoff_dev.grafana import __main__ as grafana_main
from tipoff_dev.grafana import alerting
from tipoff_dev.grafana.alerting import UID, alerting_json, rule_queries
from tipoff_dev.grafana.dashboards import dashboard_json
from tipoff_dev.grafana.macros import UnknownMacro, expand
from tipoff_dev.grafana.models import dashboard_models, register_default_plugins
from tipoff_dev.grafana.panels import DASHBOARDS, DashboardSpec, PanelKind, PanelSpec

REPOSITORY = Path(__file__).parents[3]
PANELS = [panel for board in DASHBOARDS for panel in board.panels]
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)

PARTITION_COLUMNS = {
    "scraper_execution_log": "triggered_at",
    "workflow_decisions": "decision_time",
    "cleanup_operations": "cleanup_time",
    "file_receipts": "processed_at",
    "dead_letters": "rejected_at",
    "alert_events": "changed_at",
}
"""The partition column of each table; a test below compares it with the schemas."""


rendered = cache(dashboard_json)


def read_back(text: str) -> str:
    """Read a file with the SDK's models and write it again; unknown keys and types are lost."""
    return (
        json.dumps(
            dashboard_models.Dashboard.from_json(json.loads(text)), cls=JSONEncoder, indent=2, sort_keys=True
        )
        + "\n"
    )


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.name)
def test_the_models_of_the_sdk_read_a_dashboard_whole(board: DashboardSpec) -> None:
    register_default_plugins()
    text = rendered(board)
    assert read_back(text) == text
    assert "not_a_key" not in read_back(text.replace('"editable"', '"not_a_key"'))


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.name)
def test_panels_do_not_overlap_and_fit_the_grid(board: DashboardSpec) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(rendered(board))["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert max(x for x, _ in own) < 24
        assert not cells & own, panel["title"]
        cells |= own


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_that_reads_a_table_filters_its_bare_partition_column(panel: PanelSpec) -> None:
    tables = set(re.findall(r"nba_orchestration\.(\w+)(?!\w*\()", panel.sql)) & set(PARTITION_COLUMNS)
    for table in tables:
        column = PARTITION_COLUMNS[table]
        assert re.search(rf"WHERE (\$__timeFilter\({column}\)|{column} >= TIMESTAMP_SUB\()", panel.sql), table
    # Every other source is a table function with the days as arguments, never a view.
    assert "nba_orchestration.v_" not in panel.sql
    assert tables or re.search(r"nba_orchestration\.\w+\(", panel.sql)


@pytest.mark.parametrize("table", PARTITION_COLUMNS)
def test_the_partition_columns_are_those_of_the_schemas(table: str) -> None:
    schema = REPOSITORY / f"schemas/bigquery/nba_orchestration/{table}.sql"
    assert f"PARTITION BY DATE({PARTITION_COLUMNS[table]})" in schema.read_text(encoding="utf-8")


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_series_panel_is_ordered_by_time_within_the_chosen_range(panel: PanelSpec) -> None:
    sql = expand(panel.sql, start=NOON - timedelta(hours=1), end=NOON, variables={"environment": "prod"})
    if panel.kind is PanelKind.SERIES:
        assert panel.columns[0] == "time"
        assert "ORDER BY time" in sql
        assert ">= '2026-11-29T11:00:00Z'" in sql


def test_environment_is_chosen_from_a_fixed_list() -> None:
    for board in DASHBOARDS:
        (chosen,) = [
            item
            for item in json.loads(rendered(board))["templating"]["list"]
            if item["name"] == "environment"
        ]
        assert chosen["type"] == "custom"
        assert chosen["query"] == "prod,staging,dev,local"


def test_unknown_macro_is_refused() -> None:
    for sql in ("SELECT $__interval", "SELECT '${other}'", "SELECT $__timeFilter(a, b)"):
        with pytest.raises(UnknownMacro):
            expand(sql, start=NOON, end=NOON, variables={"environment": "prod"})
    path = "SELECT JSON_VALUE(a, '$.b')"
    assert expand(path, start=NOON, end=NOON, variables={}) == path


def test_each_rule_with_a_query_is_a_rule_of_grafana_and_names_no_parameter() -> None:
    (group,) = json.loads(alerting_json())["groups"]
    assert {rule["uid"].removeprefix("tipoff-") for rule in group["rules"]} == set(rule_queries())
    assert {"no-decisions", "dataset-behind", "scraper-failing", "workflow-missing"} <= set(rule_queries())
    for rule in group["rules"]:
        asked, condition = rule["data"]
        assert asked["datasourceUid"] == asked["model"]["datasource"]["uid"] == UID
        assert "@" not in asked["model"]["rawSql"]
        assert (rule["condition"], condition["model"]["expression"]) == (condition["refId"], asked["refId"])
        # No row means OK; a failed query is reported.
        assert (rule["noDataState"], rule["execErrState"]) == ("OK", "Error")
        assert re.fullmatch(r"[\w-]{1,40}", rule["uid"])


def test_escaped_braces_of_a_command_are_single_in_grafana(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "alerts.yaml"
    command = "tipoff query heartbeats"
    piped = f"{command} --json | jq '{{{{a: .b}}}}' # {{workflow}}"
    file.write_text(alerting.ALERTS.read_text().replace(f"command: {command}", f'command: "{piped}"'))
    monkeypatch.setattr(alerting, "ALERTS", file)
    (group,) = json.loads(alerting_json())["groups"]
    (written,) = {
        it["annotations"]["command"] for it in group["rules"] if "jq" in it["annotations"]["command"]
    }
    assert written == f"{command} --json | jq '{{a: .b}}' # {{workflow}}"


def test_another_fleets_files_name_its_dataset_and_its_zone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init_fleet(tmp_path / "rivers", None, "Australia/Sydney")
    monkeypatch.setattr(grafana_main, "FLEET", find_fleet(tmp_path / "rivers"))
    monkeypatch.setenv(ZONE_VARIABLE, "Australia/Sydney")  # the command sets it; undone when the test ends
    fleet_zone.cache_clear()
    try:
        assert grafana_main.main([str(tmp_path / "grafana")]) == 0
    finally:
        fleet_zone.cache_clear()
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "grafana").rglob("*.json")]
    assert len(texts) == len(DASHBOARDS) + 1
    assert not [text for text in texts if "nba_orchestration" in text or "New_York" in text or "_et" in text]
    assert any("CURRENT_DATE('Australia/Sydney')" in text for text in texts)
    assert "rivers_orchestration and days in Australia/Sydney" in capsys.readouterr().out

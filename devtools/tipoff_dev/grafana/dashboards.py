"""The panels as Grafana's JSON, by the builders of grafana-foundation-sdk."""

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.bigquery import EditorMode, QueryFormat
from grafana_foundation_sdk.models.common import DataSourceRef

from tipoff_dev.grafana.models import (
    bigquery,
    common,
    dashboard,
    dashboard_models,
    stat,
    table,
    timeseries,
)
from tipoff_dev.grafana.panels import DashboardSpec, PanelKind, PanelSpec

DATA_SOURCE = "grafana-bigquery-datasource"
ENVIRONMENTS = ("prod", "staging", "dev", "local")
_COLOURS = {
    "success": "green",
    "as_expected": "green",
    "no_data": "yellow",
    "late": "yellow",
    "to_come": "blue",
    "failed": "red",
    "missing": "red",
    "given_up": "dark-red",
}
"""Colours by status, the same on every dashboard, so that red always needs action."""

Panel = stat.Panel | table.Panel | timeseries.Panel


def dashboard_json(spec: DashboardSpec) -> str:
    """Return the dashboard's file."""
    source = DataSourceRef(type_val=DATA_SOURCE, uid="${datasource}")
    board = (
        dashboard.Dashboard(spec.title)
        .uid(spec.name)
        .description(spec.description)
        .tags(["tipoff"])
        # The tables' SQL formats times in the fleet's zone; charts use the viewer's zone.
        .timezone("browser")
        .time(spec.since, "now")
        # Every refresh costs one paid query for each panel.
        .refresh("5m")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type(DATA_SOURCE))
        .with_variable(
            # A list and not free text, because the value becomes part of the SQL.
            dashboard.CustomVariable("environment")
            .label("Environment")
            .values(",".join(ENVIRONMENTS))
            .options(
                [
                    dashboard_models.VariableOption(name == ENVIRONMENTS[0], name, name)
                    for name in ENVIRONMENTS
                ]
            )
            .current(dashboard_models.VariableOption(True, ENVIRONMENTS[0], ENVIRONMENTS[0]))
        )
    )
    for panel in spec.panels:
        board = board.with_panel(_panel(panel, source))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def query(sql: str, source: DataSourceRef, *, series: bool, ref_id: str = "A") -> bigquery.Dataquery:
    """Build the query of a panel or a rule."""
    return (
        bigquery.Dataquery()
        .ref_id(ref_id)
        .datasource(source)
        .format(QueryFormat.TIMESERIES if series else QueryFormat.TABLE)
        .editor_mode(EditorMode.CODE)
        .raw_query(True)
        .raw_sql(sql)
    )


def _panel(spec: PanelSpec, source: DataSourceRef) -> Panel:
    panel: Panel
    match spec.kind:
        case PanelKind.STAT:
            panel = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        case PanelKind.TABLE:
            panel = table.Panel().filterable(True)
        case PanelKind.SERIES:
            panel = timeseries.Panel().fill_opacity(10)
    panel = (
        panel.title(spec.title)
        .description(spec.description)
        .datasource(source)
        .span(spec.width)
        .height(spec.height)
        .with_target(query(spec.sql, source, series=spec.kind is PanelKind.SERIES))
    )
    for name, colour in _COLOURS.items():
        if name in spec.columns or (spec.kind is PanelKind.SERIES and "status" in spec.columns):
            panel = panel.override_by_name(name, [_colour(colour)])
    return panel


def _colour(name: str) -> dashboard_models.DynamicConfigValue:
    return dashboard_models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": name})

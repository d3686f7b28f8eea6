"""Grafana's files, by their names below a folder."""

from collections.abc import Callable, Mapping
from functools import partial

from tipoff_common.fleet_sql import for_fleet
from tipoff_dev.grafana.alerting import alerting_json
from tipoff_dev.grafana.dashboards import dashboard_json
from tipoff_dev.grafana.panels import DASHBOARDS


def grafana_files() -> Mapping[str, Callable[[], str]]:
    """Return the render function of each file, for the fleet that ships with Tipoff."""
    boards = {f"dashboards/{spec.name}.json": partial(dashboard_json, spec) for spec in DASHBOARDS}
    return {**boards, "alerting/tipoff.json": alerting_json}


def fleet_files(dataset: str) -> Mapping[str, str]:
    """Return each file's text, for a fleet's dataset and the time zone of this process's fleet."""
    return {name: for_fleet(render(), dataset) for name, render in grafana_files().items()}

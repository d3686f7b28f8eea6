"""`tipoff diagnose`: the verdict on a source."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS, has_workflow
from tipoff_cli.commands.diagnose.diagnosis import Diagnosis, ScraperCondition
from tipoff_cli.commands.diagnose.diagnosis import diagnose as judge
from tipoff_cli.connection import find_connection
from tipoff_cli.console import (
    AsJson,
    AsOf,
    ScrapersFolder,
    console,
    refuse,
    refuse_unknown,
    say_json,
    say_rows,
)
from tipoff_cli.times import clock
from tipoff_common.catalog import load_catalog
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.ports import Parameter, Warehouse
from tipoff_common.wall_clock import wall_now

_LOOK_BACK, _KEPT = timedelta(days=14), timedelta(days=90)
_RUNS = 30
_SHOWN = 8
_COLUMNS = """execution_id, scraper_name, workflow, game_date, status, triggered_at, duration_seconds, source,
  error_type, error_message, retry_count, data_summary, opts,
  SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS records,
  JSON_QUERY(data_summary, '$.drift') AS drift, JSON_QUERY(data_summary, '$.completeness') AS completeness"""
_SQL = f"""
SELECT {_COLUMNS}
FROM nba_orchestration.executions(@first_day, @last_day)
WHERE scraper_name = @scraper_name AND environment = @environment AND triggered_at <= @as_of AND source != 'LOCAL'
  AND status IN UNNEST(@statuses)
ORDER BY triggered_at DESC, execution_id
LIMIT @most
"""  # noqa: S608  # columns of our own
_STYLES = {
    ScraperCondition.HEALTHY: "bold green",
    ScraperCondition.PARTIAL: "bold green",
    ScraperCondition.WAITING: "bold green",
    ScraperCondition.UNKNOWN: "bold yellow",
    ScraperCondition.LIMITED: "bold yellow",
    ScraperCondition.SUSPECT: "bold yellow",
    ScraperCondition.QUIET: "bold red",
    ScraperCondition.FAILING: "bold red",
}
_ALL_RIGHT = (ScraperCondition.HEALTHY, ScraperCondition.PARTIAL, ScraperCondition.WAITING)


def diagnose(
    name: Annotated[str, typer.Argument(metavar="NAME", help="registered name of the scraper")],
    as_of: AsOf = None,
    scrapers: ScrapersFolder = SCRAPERS,
    json: AsJson = False,
) -> None:
    """Give the verdict on a source: its last runs and last success, drift, volume, the likely cause and what to do.

    Reads the dataset of the running stack, or of the project that TIPOFF_PROJECT names. Exit code 0 when all is right,
    3 when something needs a look, 1 when no verdict is possible.
    """
    catalog = load_catalog(scrapers)
    if name not in catalog:
        if has_workflow(WORKFLOWS, name):
            refuse(f"'{name}' is a workflow, not a scraper; use: tipoff explain {name}")
        refuse_unknown("scraper", name, catalog)
    at = as_of or wall_now()
    connection = find_connection()
    warehouse, environment = connection.warehouse(), connection.environment
    runs = read_runs(warehouse, name, environment, at, _LOOK_BACK, _RUNS)
    success = read_runs(warehouse, name, environment, at, _KEPT, 1, ("success",))
    found = judge(catalog[name], runs, success[0] if success else None)
    if json:
        # Show only the columns that the query selects; the model has more.
        say_json(found.model_dump(mode="json", exclude_unset=True))
    else:
        _show(found)
    raise typer.Exit(0 if found.verdict in _ALL_RIGHT else 3)


def read_runs(
    warehouse: Warehouse,
    scraper: str,
    environment: str,
    as_of: datetime,
    look_back: timedelta,
    most: int,
    statuses: tuple[str, ...] = ("success", "no_data", "failed"),
) -> list[ExecutionRow]:
    """Return the executions up to `as_of`, newest first, without those on developers' machines. Raises Unavailable."""
    parameters: dict[str, Parameter] = {
        "first_day": (as_of - look_back).date(),
        "last_day": as_of.date(),
        "scraper_name": scraper,
        "environment": environment,
        "as_of": as_of,
        "statuses": statuses,
        "most": most,
    }
    return [ExecutionRow.model_validate(row) for row in warehouse.query(_SQL, parameters)]


def _show(found: Diagnosis) -> None:
    cause = f": {found.likely_cause}" if found.likely_cause else ""
    console.print(Text(f"{found.scraper} is {found.verdict.value}{cause}", _STYLES[found.verdict]))
    for finding in found.findings:
        console.print(Text(f"  {finding}"))
    if found.runs:
        _show_runs(found.runs[:_SHOWN])
    for command in found.reproduce:
        console.print(Text(f"reproduce: {command}"))


def _show_runs(runs: Sequence[ExecutionRow]) -> None:
    say_rows(
        ("when", "about", "status", "records", "took", "why"),
        [
            (
                clock(run.triggered_at, "%m-%d %H:%M"),
                str(run.game_date),
                run.status,
                str(run.records) if run.records else "-",
                f"{run.duration_seconds:.1f} s" if run.duration_seconds is not None else "-",
                run.error_message or str(run.data_summary.get("reason") or ""),
            )
            for run in runs
        ],
    )

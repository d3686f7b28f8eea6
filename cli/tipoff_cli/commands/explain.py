"""`tipoff explain`: why a workflow runs at an instant, or why not."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, TypeVar

import typer
from pydantic import JsonValue
from rich.text import Text

from tipoff_cli import edits
from tipoff_cli.calendars import ScheduleOption, load_calendar
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.commands.discovery.picture import show_report
from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    console,
    jsonable,
    load_configuration,
    refuse,
    refuse_unknown,
    say_json,
)
from tipoff_cli.staleness import stale_dataset
from tipoff_cli.times import clock, instant, zone_name
from tipoff_common.clock import business_date
from tipoff_common.ports import Unavailable, Warehouse
from tipoff_common.wall_clock import wall_now
from tipoff_planning.decision import Decision
from tipoff_planning.decisions import NONE_DUE
from tipoff_planning.discovery.report import DiscoveryReport, plans_from, read_discovery
from tipoff_planning.discovery.searches import HISTORY_DAYS, searched_scraper
from tipoff_planning.execution_log import read_executions, read_looks
from tipoff_planning.expectations import read_locked
from tipoff_planning.explanation import Explanation, RunCondition, explain_workflow
from tipoff_planning.history import ExecutionFact
from tipoff_planning.pause_log import read_pauses
from tipoff_planning.pauses import NO_PAUSES
from tipoff_planning.verdict import SILENT_AFTER
from tipoff_planning.workflows import Configuration

T = TypeVar("T")
U = TypeVar("U")
_STYLES = {"RUN": "bold green", "SKIP": "bold", "ABORT": "bold red"}


def explain(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="name of the workflow")],
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="'2025-01-15 13:00' in the fleet's zone, or ISO 8601 with its own; now when left out. A date alone is"
            " its first instant, a time alone today's",
        ),
    ] = None,
    schedule: ScheduleOption = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    json: AsJson = False,
) -> None:
    """Explain the decision about a workflow at an instant, with every condition, met or not.

    Earlier executions are read from the running stack's dataset; without a stack, the history is assumed to be empty.
    For a search for one document, the command also shows when its source publishes, and the day's checks. Exit code 1
    when the workflow is unknown, or the configuration or the games cannot be read.
    """
    configuration = load_configuration(workflows, scrapers)
    if workflow not in configuration.workflows:
        if workflow in configuration.catalog:
            refuse(f"'{workflow}' is a scraper, not a workflow; use: tipoff diagnose {workflow}")
        refuse_unknown("workflow", workflow, configuration.workflows)
    at = at or wall_now()
    needs_games = workflow in configuration.needing_games
    calendar, games_from = load_calendar(schedule, configuration, at, needed=needs_games)
    executions, history_from = _executions(configuration, at)
    looks = _looks(workflow, configuration, at)
    plans = plans_from(configuration, looks, _around(at), at, calendar=calendar)
    first, *_, last = _around(at)
    locked: Mapping[date, frozenset[str]] = _from_dataset(
        lambda warehouse, environment: read_locked(warehouse, environment, first, last, at), {}
    )
    pauses = _from_dataset(lambda warehouse, environment: read_pauses(warehouse, environment, at), NO_PAUSES)
    explanation = explain_workflow(workflow, at, configuration, calendar, executions, plans, locked, pauses)
    # Also None for a workflow whose publication times cannot be learned.
    report = _from_dataset(
        lambda warehouse, environment: read_discovery(
            warehouse, environment, configuration, workflow, business_date(at), at, calendar
        ),
        None,
    )
    if json:
        say_json(_as_json(explanation, games_from, history_from, report))
        return
    console.print(f"[bold]{workflow}[/] at {clock(at, '%Y-%m-%d %H:%M')} {zone_name()} time")
    for condition in explanation.general:
        console.print(_line(condition))
    for decision, conditions in explanation.decisions:
        _show_decision(decision, conditions)
    if report is not None and (report.days or workflow in configuration.learned):
        show_report(report)
    for warning in filter(None, (_staleness(at), edits.unread())):
        console.print(warning, style="yellow")
    games = f"games: {games_from}; " if configuration.has_games else ""
    console.print(f"{games}history: {history_from}", style="bright_black")


def _from_dataset(read: Callable[[Warehouse, str], T], otherwise: U) -> T | U:
    """Return the result of `read` for the dataset and its environment; `otherwise` when no dataset is reachable."""
    try:
        connection = find_connection()
        return read(connection.warehouse(), connection.environment)
    except (NotConnected, Unavailable):
        return otherwise


def _staleness(at: datetime) -> str | None:
    """Say that the newest rows are missing where the instant is now or to come; a past one is judged by its rows."""
    now = wall_now()
    if now - at > SILENT_AFTER:
        return None
    try:
        return stale_dataset(find_connection(), now)
    except (NotConnected, Unavailable):
        return None  # the last line says that no history was read


def _executions(configuration: Configuration, at: datetime) -> tuple[list[ExecutionFact], str]:
    """Return the executions around the instant, and the name of their source."""
    facts = _from_dataset(
        lambda warehouse, environment: read_executions(
            # Read more days than a decision covers: a source may ask for no requests for a week.
            warehouse,
            environment,
            _around(at, before=8),
            configuration.subject_parameters,
        ),
        None,
    )
    if facts is None:
        return [], "assumed empty, as no dataset is reachable"
    return facts, f"the dataset named by {find_connection().where}"


def _around(at: datetime, *, before: int = 4) -> list[date]:
    """Return the days that a decision may be about, in any zone of a workflow."""
    return [business_date(at) + timedelta(days=offset) for offset in range(-before, 3)]


def _looks(workflow: str, configuration: Configuration, at: datetime) -> list[ExecutionFact]:
    """Read the history from which learning searches are planned; empty when this workflow does not learn."""
    if workflow not in configuration.learned:
        return []
    last = business_date(at) + timedelta(days=1)
    first = last - timedelta(days=HISTORY_DAYS + 3)
    scrapers = sorted({searched_scraper(configuration, name) for name in configuration.learned})
    return _from_dataset(
        lambda warehouse, environment: read_looks(warehouse, environment, scrapers, first, last), []
    )


def _show_decision(decision: Decision, conditions: tuple[RunCondition, ...]) -> None:
    if decision.occurrence.subject not in ("-", NONE_DUE) and conditions:
        console.print(Text(decision.occurrence.subject, style="bold"))
    for condition in conditions:
        console.print(_line(condition))
    action = decision.action.value
    console.print(Text.assemble((action, _STYLES[action]), f" {decision.code.value}: {decision.sentence}"))
    if decision.next_check:
        console.print(f"next check {clock(decision.next_check, '%Y-%m-%d %H:%M')}")


def _line(condition: RunCondition) -> Text:
    mark = ("✔", "green") if condition.met else ("✘", "yellow")
    return Text.assemble("  ", mark, f" {condition.name:<9}{condition.detail}")


def _as_json(
    explanation: Explanation, games_from: str, history_from: str, report: DiscoveryReport | None
) -> JsonValue:
    return {
        "workflow": explanation.workflow,
        "at": explanation.at.isoformat(),
        "calendar": games_from,
        "history": history_from,
        "conditions": jsonable(explanation.general),
        "decisions": [
            {
                "occurrence_id": decision.occurrence.id,
                "subject": decision.occurrence.subject,
                "game_date": decision.occurrence.game_date.isoformat(),
                "conditions": jsonable(conditions),
                "action": decision.action.value,
                "reason_code": decision.code.value,
                "reason": decision.sentence,
                "alert_level": decision.alert_level.value,
                "next_check": decision.next_check.isoformat() if decision.next_check else None,
                "context": dict(decision.context),
            }
            for decision, conditions in explanation.decisions
        ],
        "discovery": jsonable(report),
    }

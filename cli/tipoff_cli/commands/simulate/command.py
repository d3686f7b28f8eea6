"""`tipoff simulate`: a configuration in a simulated season."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tipoff_cli.calendars import calendar_parser
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS, lock_time
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    console,
    errors,
    load_configuration,
    refuse,
    say_json,
)
from tipoff_cli.times import cadence, day
from tipoff_simulator.engine import Season
from tipoff_simulator.engine import simulate as run_season
from tipoff_simulator.report import SeasonReport, report


def simulate(
    first: Annotated[date, typer.Option("--from", parser=day, metavar="DATE", help="first business day")],
    last: Annotated[date, typer.Option("--to", parser=day, metavar="DATE", help="last business day")],
    schedule: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="file with the games: a landed schedule or a payload of the calendar's scraper; for workflows that"
            " needs them",
        ),
    ] = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    world: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="behaviour and faults of the sources; no faults when left out"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="the same seed gives the same season")] = 1,
    tick_every: Annotated[
        timedelta, typer.Option(parser=cadence, metavar="DURATION", help="15m, 1h", show_default="15m")
    ] = timedelta(minutes=15),
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="another workflows.yaml, tried on the same season beside it"),
    ] = None,
    to_console: Annotated[
        bool,
        typer.Option(
            "--console", help="show the result on the monitor's console, in place of the one before"
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Try a configuration over a season: the controller's own decisions against a simulated upstream.

    Reports per workflow the expected runs and their outcomes, the delay from publication to discovery, missed documents
    with their reasons, wasted attempts, and requests per source and hour. Exit code 0 when nothing was missed, 3 when
    something was, 1 when a file cannot be read or the monitor does not take the result.
    """
    from tipoff_cli.commands.simulate.show import show_comparison, show_report
    from tipoff_planning.schedule_file import read_games
    from tipoff_simulator.world import load_world

    if last < first:
        raise typer.BadParameter(f"--to {last} is before --from {first}; swap them")
    if not timedelta(minutes=1) <= tick_every <= timedelta(days=1):
        raise typer.BadParameter("--tick-every: from 1m to 24h")
    files = [workflows, *([compare] if compare else [])]
    configurations = [load_configuration(file, scrapers) for file in files]
    needing = sorted({name for configuration in configurations for name in configuration.needing_games})
    if schedule is None and needing:
        raise typer.BadParameter(f"--schedule is missing: {needing[0]} needs games; name a file with them")
    games = read_games(schedule, calendar_parser(configurations[0])) if schedule else ()
    source_world = load_world(world, configurations[0].catalog)
    if games and not any(first <= game.game_date <= last for game in games):
        days = sorted(game.game_date for game in games)
        refuse(f"{schedule} has no game from {first} to {last}; its games are from {days[0]} to {days[-1]}")
    reports: dict[str, SeasonReport] = {}
    for file, configuration in zip(files, configurations, strict=True):
        season = Season(configuration, source_world, games, first, last, tick_every, seed, lock_time())
        reports[str(file)] = _run(season, file.name, quiet=json)
    dumped: dict[str, JsonValue] = {name: item.model_dump(mode="json") for name, item in reports.items()}
    if json:
        say_json({"configurations": dumped} if compare else dumped[str(workflows)])
    elif compare:
        show_comparison(console, reports)
    else:
        show_report(console, reports[str(workflows)])
    if to_console:
        _send({"configurations": dumped})
    raise typer.Exit(3 if any(item.missing or item.missed for item in reports.values()) else 0)


def _send(simulation: dict[str, JsonValue]) -> None:
    """Send the result to the monitor for its console; end the command when the monitor does not take the result."""
    from tipoff_cli.connection import NotConnected, find_connection
    from tipoff_cli.service_client import NotAnswered, ask

    try:
        ask(find_connection(), "PUT", "/simulation", json=simulation, service="monitor")
    except (NotConnected, NotAnswered) as error:
        refuse(f"the console did not receive the result: {error}")
    errors.print("on the console: /simulation", style="bright_black")


def _run(season: Season, name: str, *, quiet: bool) -> SeasonReport:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[day]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=quiet) as bar:
        task = bar.add_task(name, total=(season.last - season.first).days + 2, day="")
        return report(season, run_season(season, lambda day: bar.update(task, advance=1, day=str(day))))

"""The `tipoff` command line."""

from pathlib import Path

import typer
from rich.console import Console

from tipoff_local.commands.backfill import backfill
from tipoff_local.commands.dead_letters import dead_letters
from tipoff_local.commands.deploy import deploy
from tipoff_local.commands.diagnose import diagnose
from tipoff_local.commands.explain import explain
from tipoff_local.commands.files import files
from tipoff_local.commands.query import query
from tipoff_local.commands.reparse import reparse
from tipoff_local.commands.schedule import schedule
from tipoff_local.commands.scrapers import scrapers
from tipoff_local.commands.simulate import simulate
from tipoff_local.commands.smoke import smoke
from tipoff_local.commands.status import status
from tipoff_local.commands.tables import tables
from tipoff_local.commands.trace import trace
from tipoff_local.commands.trigger import trigger
from tipoff_local.commands.validate import validate

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Runs a fleet of scrapers and proves what it did."
)
console = Console()


@app.command()
def demo(
    scenario: Path | None = typer.Option(
        None,
        metavar="FILE",
        help="what the sources publish and when; see libs/local/tipoff_local/upstream/scenarios",
    ),
) -> None:
    """Replay 15 January 2025 through the real services on the embedded cloud, and check what the dataset says.

    Exit code 1 when the dataset tells another day: the report found at 13:00, after two attempts in vain.
    """
    from tipoff_local.demo.run import run_demo

    raise typer.Exit(run_demo(console, scenario.absolute() if scenario else None))


@app.command()
def up(foreground: bool = typer.Option(False, help="stay attached; Ctrl-C stops the stack")) -> None:
    """Run the whole stack at fixed ports, in wall-clock time, with its own scheduler."""
    from tipoff_local.stack.background import run_in_foreground, start_in_background

    if foreground:
        run_in_foreground(console)
    else:
        start_in_background(console)


@app.command()
def down() -> None:
    """Stop the running stack."""
    from tipoff_local.stack.background import stop_background

    stop_background(console)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    options_metavar="NAME [OPTIONS]",
)
def scrape(context: typer.Context) -> None:
    """Run one scraper by hand; `tipoff scrape NAME --help` lists its parameters.

    Exit code 0 when it got the data, 3 when that is not published yet, 2 when it failed. Wrong usage is 64, unlike that
    of other commands, so that it is never taken for a source that fails.
    """
    from tipoff_scraper_runner.cli import EXIT_USAGE
    from tipoff_scraper_runner.cli import main as run_scraper

    if not context.args or context.args[0] in ("--help", "-h"):
        console.print(context.get_help(), highlight=False, markup=False)
        console.print("tipoff scrapers list: the names", highlight=False)
        raise typer.Exit(0 if context.args else EXIT_USAGE)
    name, *arguments = context.args
    raise typer.Exit(run_scraper(name, arguments, program=f"tipoff scrape {name}"))


for command in (
    validate,
    schedule,
    explain,
    simulate,
    trigger,
    backfill,
    trace,
    status,
    query,
    diagnose,
    reparse,
    smoke,
    deploy,
):
    app.command()(command)
app.add_typer(scrapers, name="scrapers")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(files, name="files")
app.add_typer(tables, name="tables")

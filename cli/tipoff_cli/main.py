"""The `tipoff` command line."""

from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_command, get_group

_COMMANDS = (
    "validate",
    "schedule",
    "explain",
    "simulate",
    "trigger",
    "backfill",
    "trace",
    "status",
    "query",
    "diagnose",
    "reparse",
    "smoke",
    "deploy",
    "scrapers",
    "dead-letters",
    "files",
    "tables",
)
"""Each is a function or an app of its own in the module of its name, or in `command.py` of the folder of its name."""
_FOLDERS = (
    "backfill",
    "dead_letters",
    "deploy",
    "diagnose",
    "explain",
    "files",
    "simulate",
    "smoke",
    "trace",
)


class Commands(TyperGroup):
    """Imports a command when it is asked for, so that none waits for what others need."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        return [*(name for name in self.commands if name not in _COMMANDS), *_COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """All are loaded for a name that is none, so that one that is near can be suggested."""
        known = cmd_name in self.commands or cmd_name in _COMMANDS
        for name in (cmd_name,) if known else _COMMANDS:
            if name not in self.commands:
                self.add_command(_loaded(name), name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str) -> Any:
    attribute = name.replace("-", "_")
    module = f"tipoff_cli.commands.{attribute}"
    if attribute in _FOLDERS:
        module += ".command"
    command = getattr(import_module(module), attribute)
    if isinstance(command, typer.Typer):
        group = get_group(command)
        group.name = name  # by which the help lists it
        return group
    alone = typer.Typer(add_completion=False)
    alone.command(name)(command)
    return get_command(alone)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    help="Runs a fleet of scrapers and proves what it did.",
)
console = Console()


@app.command()
def demo(
    scenario: Path | None = typer.Option(
        None,
        metavar="FILE",
        help="what the sources publish and when; see devtools/tipoff_dev/fakes/sources/scenarios",
    ),
) -> None:
    """Replay 15 January 2025 through the real services on the embedded cloud, and check what the dataset says.

    Exit code 1 when the dataset tells another day: the report found at 13:00, after two attempts in vain.
    """
    from tipoff_dev.demo.run import run_demo

    raise typer.Exit(run_demo(console, scenario.absolute() if scenario else None))


@app.command()
def up(foreground: bool = typer.Option(False, help="stay attached; Ctrl-C stops the stack")) -> None:
    """Run the whole stack at fixed ports, in wall-clock time, with its own scheduler."""
    from tipoff_dev.stack.background import run_in_foreground, start_in_background

    if foreground:
        run_in_foreground(console)
    else:
        start_in_background(console)


@app.command()
def down() -> None:
    """Stop the running stack."""
    from tipoff_dev.stack.background import stop_background

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

"""The commands that need this repository: the local stack, the demo, manual scrapes, new scrapers.

They are registered as `COMMANDS` in the entry-point group `tipoff.commands`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tipoff_cli.checkout import FLEET
from tipoff_cli.commands import CommandSpec

_HERE = "tipoff_dev.commands"
CHECKS = (
    "tipoff_dev.fakes.sources.hosts:fake_faults",
    "tipoff_dev.fleet.start_checks:import_faults",
    "tipoff_dev.fleet.start_checks:alert_faults",
)
"""Checks that the developer's tools add to `tipoff validate`."""
COMMANDS = (
    CommandSpec(
        "demo",
        f"{_HERE}:demo",
        "Replay 15 January 2025 through the real services on the embedded cloud, and check the dataset's answers.",
    ),
    CommandSpec(
        "up",
        f"{_HERE}:up",
        "Run the whole stack at fixed ports, in wall-clock time, with its own scheduler.",
    ),
    CommandSpec(
        "down",
        f"{_HERE}:down",
        "Stop the running stack.",
    ),
    CommandSpec(
        "scrape",
        f"{_HERE}:scrape",
        "Run one scraper; `tipoff scrape NAME --help` lists its parameters.",
        # The scraper's own parameters are parsed by the runner's command line.
        {
            "context_settings": {
                "allow_extra_args": True,
                "ignore_unknown_options": True,
                "help_option_names": [],
            },
            "options_metavar": "NAME [OPTIONS]",
        },
    ),
    CommandSpec(
        "init",
        f"{_HERE}:init",
        "Write a fleet in its own repository: one scraper with its test, a workflow, and the files to run them.",
    ),
    CommandSpec(
        "scrapers new",
        f"{_HERE}:new",
        "Write a working scraper with its test, as a starting point.",
    ),
    CommandSpec(
        "reparse",
        "tipoff_dev.fleet.reparse:reparse",
        "Run a scraper's parser again on the raw payloads of a game date, without fetching, and print the changes.",
    ),
)


def demo(
    scenario: Path | None = typer.Option(
        None,
        metavar="FILE",
        help="publications of the sources, with their times; see devtools/tipoff_dev/fakes/sources/scenarios",
    ),
    keep: bool = typer.Option(False, "--console", help="keep the stack running afterwards; Ctrl-C stops it"),
) -> None:
    """Replay 15 January 2025 through the real services on the embedded cloud, and check the dataset's answers.

    In any folder the scrapers are those of Tipoff's repository. Exit code 1 unless the dataset shows the report found
    at 13:00, after two attempts that found nothing.
    """
    from tipoff_cli.checkout import REPOSITORY, SHIPPED_SCRAPERS
    from tipoff_cli.connection import without_data_frames
    from tipoff_cli.console import console, refuse
    from tipoff_common.yaml_source import ConfigurationError
    from tipoff_dev.fakes.sources.scenario import load_scenario

    if scenario:
        # Before the imports that run a stack, so that a mistyped path fails without waiting for Google's clients.
        try:
            load_scenario(scenario)
        except ConfigurationError as error:
            refuse(f"{scenario.absolute()} is not a scenario:\n{error}")
    if not SHIPPED_SCRAPERS.is_dir():
        refuse(
            "the demo replays a day of the scrapers in Tipoff's repository; clone it, and run `make demo` there"
        )
    # The start folder fixes the fleet of a process.
    if FLEET.scrapers != SHIPPED_SCRAPERS:
        arguments = ["--scenario", str(scenario.absolute())] if scenario else []
        arguments += ["--console"] if keep else []
        _run_in_repository(REPOSITORY, ["demo", *arguments])
    with without_data_frames():
        from tipoff_dev.demo.run import run_demo

    raise typer.Exit(run_demo(console, scenario.absolute() if scenario else None, keep=keep))


def _run_in_repository(repository: Path, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the same command in Tipoff's repository, without the other fleet's variables."""
    import os
    import sys

    from tipoff_common.clock import ZONE_VARIABLE

    own = (ZONE_VARIABLE, "TIPOFF_SCRAPERS")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    os.chdir(repository)
    # Our own interpreter and module.
    os.execve(sys.executable, [sys.executable, "-m", "tipoff_cli", *arguments], environment)  # noqa: S606


def up(
    hosts: Annotated[
        list[str] | None, typer.Argument(metavar="[HOST ...]", help="with --live: only these")
    ] = None,
    live: bool = typer.Option(
        False,
        "--live",
        help="send requests to the real sources, all of them or the named hosts, even where fakes exist",
    ),
    every: int | None = typer.Option(
        None,
        metavar="MINUTES",
        min=1,
        max=60,
        help="minutes between evaluations, in place of those of infra/ticks.yaml",
    ),
    watch: bool = typer.Option(
        False, "--watch", help="pick up edits of workflows.yaml, alerts.yaml and the scrapers"
    ),
    fresh: bool = typer.Option(False, "--fresh", help="empty the history of earlier stacks first"),
    tour: bool = typer.Option(
        False, "--tour", help="begin with a generated week with faults, in its own dataset"
    ),
    foreground: bool = typer.Option(False, help="stay attached; Ctrl-C stops the stack"),
) -> None:
    """Run the whole stack at fixed ports, in wall-clock time, with its own scheduler.

    Requests to hosts that have a fake go to the fake, whose games are around today's date; all others go to the host.
    The dataset and the bucket are kept from one stack to the next.
    """
    from tipoff_cli.console import console, refuse
    from tipoff_dev.stack.background import run_in_foreground, start_in_background
    from tipoff_dev.stack.up_options import UpOptions

    if hosts and not live:
        refuse(f"{hosts[0]}: hosts are named with --live; write: tipoff up --live {' '.join(hosts)}")
    if hosts:
        _refuse_unknown_hosts(hosts)
    options = UpOptions((tuple(hosts) if hosts else None) if live else (), every, watch, fresh, tour)
    if foreground:
        run_in_foreground(console, options)
    else:
        start_in_background(console, options)


def _refuse_unknown_hosts(hosts: Sequence[str]) -> None:
    """End the command for a host that no source of the fleet has: a mistyped host's fake would keep answering."""
    from tipoff_cli.checkout import SCRAPERS
    from tipoff_cli.console import refuse, refuse_unknown
    from tipoff_common.catalog import load_catalog
    from tipoff_common.yaml_source import ConfigurationError
    from tipoff_dev.fakes.sources.hosts import UnusableFake, fake_hosts

    try:
        fleet_hosts = {host for spec in load_catalog(SCRAPERS).values() for host in spec.hosts}
        known = sorted({*fake_hosts(SCRAPERS), *fleet_hosts})
    except (ConfigurationError, UnusableFake) as error:
        refuse(str(error))
    for host in hosts:
        if host not in known:
            refuse_unknown("host of the fleet's sources", host, known)


def down() -> None:
    """Stop the running stack."""
    from tipoff_cli.console import console
    from tipoff_dev.stack.background import stop_background

    stop_background(console)


def scrape(context: typer.Context) -> None:
    """Run one scraper; `tipoff scrape NAME --help` lists its parameters.

    Exit code 0 when it got the data, 3 when the data is not published yet, 1 when it failed, 2 for wrong usage.
    """
    from tipoff_cli.checkout import SCRAPERS
    from tipoff_cli.connection import STACK_ENVIRONMENT
    from tipoff_cli.console import console
    from tipoff_scraper_runner.cli import EXIT_USAGE
    from tipoff_scraper_runner.cli import main as run_scraper

    if not context.args or context.args[0] in ("--help", "-h"):
        console.print(context.get_help(), highlight=False, markup=False)
        console.print("tipoff scrapers list: the names", highlight=False)
        raise typer.Exit(0 if context.args else EXIT_USAGE)
    name, *arguments = context.args
    program = f"tipoff scrape {name}"
    raise typer.Exit(
        run_scraper(name, arguments, scrapers=SCRAPERS, stack=STACK_ENVIRONMENT, program=program)
    )


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="its only name: small letters, digits and _")],
    source: Annotated[
        str, typer.Option(metavar="S", help="folder of its source, created if it does not exist")
    ],
    page: Annotated[
        bool, typer.Option("--page", help="for a source that is an HTML page with a table, not JSON")
    ] = False,
    folder: Annotated[
        Path, typer.Option(metavar="DIR", help="the repository to write to", show_default="this one")
    ] = FLEET.folder,
) -> None:
    """Write a working scraper with its test, as a starting point.

    See docs/how-to/add-a-scraper.md. Exit code 1 when the name is taken or not valid; then nothing is written.
    """
    from tipoff_cli.console import console, refuse
    from tipoff_dev.fleet.scaffold import Places, ScaffoldRefused, write_scraper

    try:
        written = write_scraper(folder, name, source, page=page)
    except ScaffoldRefused as error:
        refuse(str(error))
    places = Places.of(folder)
    for path in written:
        console.print(str(path), highlight=False, soft_wrap=True)
    console.print(
        f"now: pytest {places.tests / f'test_{name}.py'}, then {places.scrapers / source / name / 'scraper.py'}",
        soft_wrap=True,
    )


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the repository, a new or an empty folder")],
    name: Annotated[
        str | None,
        typer.Option(metavar="N", help="the package of the scrapers; the folder's name when left out"),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="of the times of day in config/workflows.yaml")
    ] = "UTC",
) -> None:
    """Write a fleet in its own repository: one scraper with its test, a workflow, and the files to run them.

    The fleet validates, its tests pass and `tipoff up` runs it without a change. Exit code 1 when the folder is not
    empty or a name is not valid; then nothing is written.
    """
    from tipoff_cli.console import console, refuse
    from tipoff_dev.fleet.repository import init_fleet
    from tipoff_dev.fleet.scaffold import ScaffoldRefused

    try:
        written = init_fleet(folder, name, time_zone)
    except ScaffoldRefused as error:
        refuse(str(error))
    for path in written:
        console.print(str(folder / path), highlight=False, soft_wrap=True)
    console.print(f"now: cd {folder}; tipoff validate; pytest; tipoff up", highlight=False, soft_wrap=True)

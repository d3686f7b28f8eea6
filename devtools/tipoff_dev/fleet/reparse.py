"""`tipoff reparse`: a corrected parser, run again on the stored payloads."""

from datetime import date
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.text import Text

from tipoff_cli import checkout, connection
from tipoff_cli.console import AsJson, console, refuse, refuse_unknown, say_json
from tipoff_cli.times import day
from tipoff_common.outcomes import Failed, NoData, Success
from tipoff_common.ports import Unavailable
from tipoff_common.settings import SettingsError
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.fleet.kept_payloads import Reparsed
from tipoff_dev.fleet.kept_payloads import reparse as parse_again
from tipoff_scraper_runner.account import account_name
from tipoff_scraper_runner.cli import EXIT_FAILED, EXIT_NO_DATA, NoStack, connect
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.manual import UnusableParameters
from tipoff_scraper_runner.registry import RegisteredScraper, load_registry


def reparse(
    name: Annotated[str, typer.Argument(metavar="NAME", help="registered name of the scraper")],
    game_date: Annotated[
        date,
        typer.Option("--date", "--game-date", parser=day, metavar="DATE", help="the date the data is about"),
    ],
    json: AsJson = False,
) -> None:
    """Run a scraper's parser again on the raw payloads of a game date, without fetching, and print the changes.

    The result lands like a scrape's: logged with source LOCAL, and announced if its content is new.
    Exit code 0 when every payload was parsed, 3 when none is stored, 1 when one failed or they could not be read.
    """
    scraper, deps = _prepared(name)
    try:
        done = list(parse_again(scraper, game_date, deps, triggered_by=account_name(), now=wall_now()))
    except (Unavailable, UnusableParameters) as error:
        refuse(str(error))
    if json:
        say_json([_row(item) for item in done])
    else:
        for item in done:
            console.print(Text(_sentence(item)), soft_wrap=True)
        if not done:
            console.print(f"no payload of {name} is kept for {game_date}; `tipoff scrape {name}` fetches one")
    failed = any(isinstance(item.executed.outcome, Failed) for item in done)
    raise typer.Exit(EXIT_FAILED if failed else 0 if done else EXIT_NO_DATA)


def _prepared(name: str) -> tuple[RegisteredScraper, Deps]:
    try:
        registry = load_registry(checkout.SCRAPERS)
        if name not in registry:
            refuse_unknown("scraper", name, registry)
        return registry[name], connect(registry, connection.STACK_ENVIRONMENT)
    except NoStack as error:
        refuse(f"there is no bucket to read payloads from: {error}; `tipoff up` starts a stack")
    except (Unavailable, SettingsError, ConfigurationError) as error:
        refuse(str(error))


def _row(item: Reparsed) -> JsonValue:
    outcome, changed = item.executed.outcome, item.changed
    return {
        "raw_path": item.raw_path,
        "execution_id": item.executed.execution_id,
        "status": outcome.status.value,
        "records": outcome.record_count if isinstance(outcome, Success) else 0,
        "gcs_path": outcome.gcs_path if isinstance(outcome, Success) else None,
        "said": _outcome(item),
        "changed": changed is not None,
        "added": changed.added if changed else 0,
        "removed": changed.removed if changed else 0,
        "announced": item.announced,
    }


def _sentence(item: Reparsed) -> str:
    changed = f"+{item.changed.added} -{item.changed.removed} records" if item.changed else "nothing changed"
    announced = ", announced" if item.announced else ""
    return f"{item.raw_path}: {_outcome(item)}; {changed}{announced}"


def _outcome(item: Reparsed) -> str:
    match item.executed.outcome:
        case Success(record_count=count, gcs_path=path):
            return f"success, {pluralize(count, 'record')}, {path}"
        case NoData(reason=reason):
            return f"no_data, {reason}"
        case Failed(kind=kind, message=message):
            return f"failed ({kind}), {message}"

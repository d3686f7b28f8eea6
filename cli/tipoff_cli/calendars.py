"""The calendar of games for a command: from a file, else the newest that the running stack has landed."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.console import refuse
from tipoff_common.ports import Unavailable

if TYPE_CHECKING:
    from tipoff_common.catalog import ScraperSpec
    from tipoff_planning.calendar import Calendar
    from tipoff_planning.schedule_file import PayloadParser
    from tipoff_planning.workflows import Configuration

ScheduleOption = Annotated[
    Path | None,
    typer.Option(
        "--schedule",
        metavar="FILE",
        help="the games: a landed schedule or a payload of its scraper; else the newest that the stack has landed",
    ),
]


def load_calendar(
    file: Path | None, configuration: "Configuration", now: datetime, *, needed: bool = True
) -> "tuple[Calendar | None, str]":
    """Return the calendar and where it is from; of a file, as if it had been fetched at `now`. Where there is neither
    a file nor a stack, none, which ends the command if one is needed. Raises ConfigurationError for a file that is no
    calendar."""
    from tipoff_planning.landed_calendar import LandedCalendar
    from tipoff_planning.schedule_file import read_calendar_file

    if file is not None:
        return read_calendar_file(file, now, calendar_parser(configuration)), str(file)
    folder = configuration.calendar_folder
    if folder is None:
        return None, "none, as no workflow needs games"
    try:
        data = find_connection().data()
        return LandedCalendar(data, folder).current(), f"gs://{data.bucket}/{folder}"
    except (NotConnected, Unavailable) as error:
        if not needed:
            return None, "none, as no stack is reachable"
        refuse(f"no calendar of games: {error}; or name a file with --schedule")


def calendar_parser(configuration: "Configuration") -> "PayloadParser | None":
    """Find the parser of the configuration's calendar; None where it has none, or the fleet is not installed."""
    scraper = configuration.file.calendar.scraper
    return payload_parser(configuration.catalog[scraper]) if scraper else None


def payload_parser(spec: "ScraperSpec") -> "PayloadParser | None":
    """Find the parser of the scraper that fetches the calendar; None where the fleet's code is not installed.

    It is looked up by name, so that the command line needs no fleet and works with any.
    """
    try:
        module = import_module(f"scrapers.{spec.source}.{spec.name}.scraper")
    except ImportError:
        return None

    def parse(body: bytes) -> Iterable[Mapping[str, Any]]:
        parameters = module.Parameters(
            game_date=date(2000, 1, 1)
        )  # a calendar has every day, so it selects nothing
        try:
            return [record.model_dump() for record in module.parse(body, parameters).records]
        except Exception as error:  # whatever a fleet's parser raises, the file is no schedule
            raise ValueError(str(error)) from error

    return parse

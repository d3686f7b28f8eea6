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
        help="file with the games: a landed schedule or a payload of its scraper; the stack's newest when left out",
    ),
]


def load_calendar(
    file: Path | None, configuration: "Configuration", now: datetime, *, needed: bool = True
) -> "tuple[Calendar | None, str]":
    """Return the calendar and the name of its source. A calendar from a file counts as fetched at `now`. Without a file
    and a stack, return None, or end the command when a calendar is needed. Raises ConfigurationError for a file that is
    not a calendar."""
    from tipoff_planning.landed_calendar import LandedCalendar
    from tipoff_planning.schedule_file import read_calendar_file

    if file is not None:
        return read_calendar_file(file, now, calendar_parser(configuration)), str(file)
    folder = configuration.calendar_folder
    if folder is None:
        return None, "none, as no workflow needs games"
    try:
        data = find_connection().data()
        return LandedCalendar(data, folder).current(now), f"gs://{data.bucket}/{folder}"
    except (NotConnected, Unavailable) as error:
        if not needed:
            return None, "none, as no stack is reachable"
        refuse(f"no calendar of games: {error}; or name a file with --schedule")


def calendar_parser(configuration: "Configuration") -> "PayloadParser | None":
    """Return the parser of the configuration's calendar; None without a calendar or without the fleet's code."""
    scraper = configuration.file.calendar.scraper
    return payload_parser(configuration.catalog[scraper]) if scraper else None


def payload_parser(spec: "ScraperSpec") -> "PayloadParser | None":
    """Return the parser of the scraper that fetches the calendar; None when the fleet's code is not installed.

    The parser is imported by name: the command line works with any fleet, and without one.
    """
    try:
        module = import_module(f"scrapers.{spec.source}.{spec.name}.scraper")
    except ImportError:
        return None

    def parse(body: bytes) -> Iterable[Mapping[str, Any]]:
        parameters = module.Parameters(
            game_date=date(2000, 1, 1)
        )  # required, but selects nothing: a calendar has every day
        try:
            return [record.model_dump() for record in module.parse(body, parameters).records]
        except Exception as error:  # a fleet's parser may raise anything; the file is not a schedule
            raise ValueError(str(error)) from error

    return parse

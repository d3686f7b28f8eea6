"""`tipoff schedule`: the expected runs of a day."""

from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import groupby
from typing import Annotated

import typer
from pydantic import JsonValue

from tipoff_cli.calendars import ScheduleOption, load_calendar
from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    console,
    load_configuration,
    say_json,
    say_rows,
)
from tipoff_cli.times import clock, day, zone_name
from tipoff_common.clock import business_date, local_instant
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_planning.occurrences import Occurrence, games_of, occurrences


def schedule(
    on: Annotated[
        date | None,
        typer.Option("--date", parser=day, metavar="DATE", help="business day; today when left out"),
    ] = None,
    schedule: ScheduleOption = None,
    workflows: WorkflowsOption = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    json: AsJson = False,
) -> None:
    """List the expected runs of a day: start, deadline, workflow, subject and reason.

    Computes the runs from the configuration and the games, as the daily lock does. Exit code 1 when the configuration
    or the games cannot be read.
    """
    configuration = load_configuration(workflows, scrapers)
    on = on or business_date(wall_now())
    calendar, source = load_calendar(schedule, configuration, local_instant(on, time()))
    expected = occurrences(configuration, calendar, on)
    games = games_of(configuration, calendar, on)
    uncovered = calendar.uncovered(on) if calendar else None
    if json:
        say_json(
            {
                "date": on.isoformat(),
                "games": len(games) if calendar and not uncovered else None,
                "calendar": source,
                "config_hash": configuration.hash,
                "occurrences": [_row(item) for item in expected],
            }
        )
        return
    known = uncovered or (
        pluralize(len(games), "game") if calendar else "no schedule of games has landed yet"
    )
    about = f"{known} ({source})"
    if not configuration.needing_games:
        about = "no games are needed"
    console.print(f"[bold]{on:%A %d %B %Y}[/], {about}")
    if expected:
        games_too = bool(configuration.needing_games)
        heads = (zone_name(), "until", "workflow", "about", *(("games",) if games_too else ()), "why")
        say_rows(heads, list(_lines(expected, games_too=games_too)))
    else:
        console.print("nothing is expected")


def _row(item: Occurrence) -> JsonValue:
    return {
        "workflow": item.workflow,
        "occurrence_id": item.id,
        "expected": item.expected.isoformat(),
        "expected_local": clock(item.expected),
        "deadline": item.deadline.isoformat(),
        "game_date": item.game_date.isoformat(),
        "subject": item.subject,
        "slot": item.slot,
        "games": [game.game_id for game in item.games],
        "reason": item.reason,
    }


def _lines(expected: tuple[Occurrence, ...], *, games_too: bool) -> Iterator[tuple[str, ...]]:
    for _, group in groupby(expected, key=lambda item: (item.expected, item.deadline, item.workflow)):
        items = list(group)
        first = items[0]
        yield (
            _time(first.expected, first),
            _time(first.deadline, first),
            first.workflow,
            str(first.game_date) if first.subject == "-" else " ".join(item.subject for item in items),
            *((str(sum(len(item.games) for item in items)),) if games_too else ()),
            first.reason if len(items) == 1 else f"{first.reason} and {len(items) - 1} more",
        )


def _time(moment: datetime, item: Occurrence) -> str:
    """Return the time of day, with the number of days after the business day."""
    after = date.fromisoformat(clock(moment, "%Y-%m-%d")) - item.day
    return clock(moment) + (f" +{after.days}" if after.days else "")

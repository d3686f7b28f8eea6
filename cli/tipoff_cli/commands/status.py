"""`tipoff status`: is a day all right, what is missing, and when is it looked at next."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated

import typer
from rich.text import Text

from tipoff_cli.checkout import lock_time
from tipoff_cli.connection import Connection, NotConnected, find_connection
from tipoff_cli.console import AsJson, clock, console, day, instant, refuse, say_json, say_rows
from tipoff_cli.controller_client import NotAnswered, ask
from tipoff_common.clock import business_date, eastern
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_planning.expectations import DayExpectations, Expectation, read_expectations

_STYLES = {
    "ON_TIME": "green",
    "SKIPPED_OK": "green",
    "LATE": "yellow",
    "PENDING": "cyan",
    "MISSING": "bold red",
    "TOO_EARLY": "bright_black",
    "CANCELLED": "bright_black",
}


def status(
    on: Annotated[
        date | None,
        typer.Option(
            "--date", parser=day, metavar="DATE", help="business day; that of --as-of when left out"
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="as it was known then; now when left out"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say in one line whether a day is all right, then what was expected and what became of it.

    The controller is asked, or the dataset itself when it does not answer. Exit code 0 when all is right, 3 when
    something is missing, 1 when neither can be asked. What became of files afterwards is another question: `tipoff
    query open_alerts`.
    """
    at = as_of or wall_now()
    expected, source = _expectations(on or business_date(at), at)
    faults = list(what_is_missing(expected))
    if json:
        say_json(
            {"ok": not faults, "missing": list(faults), "source": source, **expected.model_dump(mode="json")}
        )
    else:
        _show(expected, faults, source)
    raise typer.Exit(3 if faults else 0)


def what_is_missing(expected: DayExpectations) -> Iterator[str]:
    """What makes a day red: nothing locked, an occurrence that was missed, and a game of a workflow, or a workflow of
    the whole day, whose every run came to nothing and that has none to come."""
    rows = expected.expectations
    if not rows and expected.as_of >= eastern(expected.date, lock_time()):
        yield f"no schedule was locked for {expected.date}"
    for name in dict.fromkeys(map(_name, rows)):
        own = [row for row in rows if _name(row) == name]
        missed = [clock(row.expected_run_time) for row in own if row.status == "MISSING"]
        if missed:
            yield f"{name} did not run at {', '.join(missed)}"
        elif _came_to_nothing([row for row in own if row.status != "CANCELLED"], expected.as_of):
            runs = sum(row.executions > 0 for row in own)
            yield f"{name} ran {pluralize(runs, 'time')} and found nothing"


def _name(row: Expectation) -> str:
    """The workflow, with the game or team that this is about."""
    return f"{row.workflow_name} of {row.subject}" if _about(row) else row.workflow_name


def _about(row: Expectation) -> str:
    """Empty for a workflow of the whole day."""
    return "" if row.subject in (None, "-") else str(row.subject)


def _came_to_nothing(rows: Sequence[Expectation], as_of: datetime) -> bool:
    return bool(rows) and all(row.executions > 0 and not row.found and row.deadline <= as_of for row in rows)


def _expectations(on: date, at: datetime) -> tuple[DayExpectations, str]:
    try:
        connection = find_connection()
        try:
            return _from_controller(connection, on, at), "controller"
        except (NotConnected, NotAnswered) as unanswered:
            return _from_dataset(connection, on, at, unanswered), "dataset"
    except NotConnected as error:
        refuse(str(error))


def _from_controller(connection: Connection, on: date, at: datetime) -> DayExpectations:
    body = ask(connection, "GET", f"/schedule/{on.isoformat()}", query={"as_of": at.isoformat()})
    return DayExpectations.model_validate_json(body)


def _from_dataset(connection: Connection, on: date, at: datetime, unanswered: Exception) -> DayExpectations:
    try:
        return read_expectations(connection.warehouse(), connection.environment, on, at)
    except (NotConnected, Unavailable) as error:
        refuse(f"{unanswered}\nthe dataset cannot be asked either: {error}")


def _show(expected: DayExpectations, faults: Sequence[str], source: str) -> None:
    today = expected.date == business_date(expected.as_of)
    name = "today" if today else str(expected.date)
    if faults:
        line = Text(f"✘ {name}: {'; '.join(faults)}", "bold red")
    elif expected.expectations:
        line = Text(f"✔ {name} is all right", "bold green")
    else:
        line = Text(f"· {name}: nothing is known yet, its schedule is locked at {lock_time():%H:%M}", "bold")
    console.print(line, soft_wrap=True)
    if expected.expectations:
        _show_expectations(expected.expectations)
    for workflow, moment in _next_checks(expected):
        console.print(f"next check of {workflow}: {clock(moment, '%Y-%m-%d %H:%M')}", highlight=False)
    told = f"as of {clock(expected.as_of, '%Y-%m-%d %H:%M')} New York time, {expected.environment}, by the {source}"
    console.print(told, style="bright_black", soft_wrap=True)


def _show_expectations(rows: Sequence[Expectation]) -> None:
    say_rows(
        ("expected", "workflow", "about", "status", "ran", "why"),
        [
            (
                clock(row.expected_run_time),
                row.workflow_name,
                _about(row) or "-",
                Text(row.status, style=_STYLES[row.status]),
                clock(row.actual_run_time) if row.actual_run_time else "-",
                row.actual_reason or row.expected_reason,
            )
            for row in rows
        ],
    )


def _next_checks(expected: DayExpectations) -> Iterator[tuple[str, datetime]]:
    moments = {row.workflow_name: row.next_check_time for row in expected.expectations}
    for workflow, moment in moments.items():
        if moment is not None and moment > expected.as_of:
            yield workflow, moment

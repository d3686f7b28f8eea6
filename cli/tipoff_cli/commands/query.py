"""`tipoff query`: the dataset's named queries."""

import csv
import io
import json as json_text
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.connection import find_connection
from tipoff_cli.console import (
    WRONG_USAGE,
    AsJson,
    AsOf,
    console,
    jsonable,
    load_configuration,
    refuse,
    refuse_unknown,
    say_json,
    say_rows,
    say_source,
)
from tipoff_cli.times import clock
from tipoff_common.ports import Parameter
from tipoff_common.visible import visible
from tipoff_common.wall_clock import wall_now
from tipoff_dataset.queries import (
    NamedQuery,
    QueryParameterError,
    UnknownQueryError,
    named,
    names,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

_SUBJECTS = ("scraper_name", "workflow_name")
"""Parameters whose value may follow the query's name as an argument."""
_LATELY = "recent_executions"


def query(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="a file of queries/, without .sql", show_default=False),
    ] = None,
    about: Annotated[
        str | None,
        typer.Argument(metavar="ABOUT", help="the scraper or workflow of the query", show_default=False),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="list the queries and their parameters")] = False,
    as_of: AsOf = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="a parameter; may be repeated", show_default=False),
    ] = None,
    json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="print the rows as CSV, with a heading")] = False,
) -> None:
    """Run one of the dataset's named queries.

    The dataset is the one of the environment (TIPOFF_PROJECT), else of the stack that runs here. @environment is that
    place's own unless it is given. Exit code 1 when the dataset cannot be queried, 2 for an unknown query or parameter,
    or for a scraper or workflow that is in neither the dataset nor the configuration.
    """
    if json and as_csv:
        refuse("give --json or --csv, not both", WRONG_USAGE)
    if listing or name is None:
        _list(json)
        return
    try:
        asked = named(name)
        given, now = _given(asked, about, param or [], as_of), wall_now()
        asked.arguments(given, now)  # reports wrong usage before the dataset is needed
        connection = find_connection()
        arguments = asked.arguments(given, now, connection.environment)
        rows = connection.warehouse().query(asked.sql, arguments)
    except (UnknownQueryError, QueryParameterError) as error:
        refuse(str(error), WRONG_USAGE)
    if not rows:
        _refuse_unknown_names(arguments)
    if json:
        say_json(jsonable(rows))
    elif as_csv:
        lines = as_lines(rows)
        # Write values to a file unchanged; escape control characters for a terminal.
        typer.echo(visible(lines) if sys.stdout.isatty() else lines, nl=False)
    else:
        _show(asked, arguments, rows, connection.where)


def _given(
    query: NamedQuery, about: str | None, assignments: Sequence[str], as_of: datetime | None
) -> dict[str, Any]:
    """Return the given parameters by name. Raises QueryParameterError."""
    given: dict[str, Any] = {}
    subject = next((one.name for one in query.parameters if one.name in _SUBJECTS), None)
    if about is not None:
        if subject is None:
            raise QueryParameterError(f"{query.name} takes no scraper or workflow; leave '{about}' out")
        given[subject] = about
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise QueryParameterError(f"'{assignment}' is not a parameter; write --param name=value")
        given[name] = value
    needed = {one.name for one in query.parameters if one.default is None}
    known = {one.name for one in query.parameters}
    # Leave unknown parameters, the likelier mistake, to `arguments`, whose message names them.
    if subject in needed - given.keys() and given.keys() <= known:
        kind = str(subject).removesuffix("_name")
        raise QueryParameterError(
            f"{query.name} needs a {kind}; write: tipoff query {query.name} {kind.upper()}"
        )
    return given if as_of is None else {**given, "as_of": as_of}


def _refuse_unknown_names(arguments: Mapping[str, Parameter]) -> None:
    """End the command for a scraper or workflow that the configuration lacks. Called only without rows: the dataset has
    rows about a removed scraper, and none about a misspelt name."""
    subjects = [name for name in _SUBJECTS if name in arguments]
    if not subjects:
        return
    configuration = load_configuration(WORKFLOWS, SCRAPERS)
    for name in subjects:
        known = list(configuration.catalog if name == "scraper_name" else configuration.workflows)
        value = str(arguments[name])
        if value not in known:
            refuse_unknown(name.removesuffix("_name"), value, known, WRONG_USAGE)


def as_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows with the same columns as CSV; lists and objects as JSON, NULL as an empty cell."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | bool):
        return json_text.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _show(
    query: NamedQuery, arguments: Mapping[str, Parameter], rows: Sequence[Mapping[str, Any]], where: str
) -> None:
    console.print(query.question, style="bold", markup=False)
    if rows:
        say_rows(list(rows[0]), [_seen_group(alike) for alike in alike_in_a_row(rows)])
    else:
        given = ", ".join(f"{name} {_seen(value)}" for name, value in arguments.items())
        console.print(f"no rows for {given}" if given else "no rows", markup=False)
        if "scraper_name" in arguments and query.name != _LATELY:
            hint = f"tipoff query {_LATELY} {arguments['scraper_name']}"
            console.print(f"its recent runs: {hint}", markup=False)
    say_source(where)


def alike_in_a_row(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Group consecutive rows that differ only in instants and measures: equal answers of a source that is requested
    every minute become one line."""

    def compared(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
        # Compare columns too: this row may lack one of two instants, and the next row the other.
        return [(name, value) for name, value in row.items() if not isinstance(value, datetime | float)]

    groups: list[list[Mapping[str, Any]]] = []
    for row in rows:
        timed = any(isinstance(value, datetime) for value in row.values())
        if groups and timed and compared(groups[-1][-1]) == compared(row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _seen_group(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the cells of a group of rows: the range of each instant and measure, and once the number of rows."""
    if len(rows) == 1:
        return [_seen(value) for value in rows[0].values()]
    cells, count = list[str](), f", {len(rows)} times"
    for name, value in rows[0].items():
        if not isinstance(value, datetime | float):
            cells.append(_seen(value))
            continue
        values = [row[name] for row in rows]
        cells.append(f"{_seen(min(values))} to {_seen(max(values))}{count}")
        count = ""  # shown once
    return cells


def _seen(value: Any) -> str:
    if isinstance(value, datetime):
        return clock(value, "%Y-%m-%d %H:%M:%S")
    return "-" if value is None else _cell(value)


def _list(json: bool) -> None:
    queries = [named(name) for name in names()]
    if json:
        say_json([_described(query) for query in queries])
        return
    for query in queries:
        console.print(f"[bold]{query.name}[/]  {query.question}")
        for parameter in query.parameters:
            default = f" = {parameter.default}" if parameter.default else ""
            console.print(
                f"    {parameter.name} {parameter.type}{default}  {parameter.meaning}",
                style="bright_black",
                markup=False,
            )


def _described(query: NamedQuery) -> "JsonValue":
    return {
        "name": query.name,
        "question": query.question,
        "parameters": [
            {"name": item.name, "type": item.type, "default": item.default, "meaning": item.meaning}
            for item in query.parameters
        ],
    }

"""`tipoff query`: the dataset's named questions."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import JsonValue, TypeAdapter
from rich.table import Table
from rich.text import Text

from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_local.commands.arguments import AsJson, clock, console, instant, refuse, say_json
from tipoff_local.connection import NotConnected, find_connection
from tipoff_local.queries import (
    NamedQuery,
    QueryParameterError,
    UnknownQueryError,
    named,
    names,
)

_WRONG_USAGE = 2
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def query(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="a file of queries/, without .sql", show_default=False),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="list the queries and their parameters")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="as it was known then; now when left out"),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="a parameter; may be repeated", show_default=False),
    ] = None,
    json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="print the rows as CSV, with a heading")] = False,
) -> None:
    """Ask the dataset one of its named questions.

    The dataset is that of the environment (TIPOFF_PROJECT), else of the stack that runs here; @environment is that
    place's own unless it is given. Exit code 1 when the dataset cannot be asked, 2 for an unknown query or parameter.
    """
    if json and as_csv:
        refuse("--json and --csv exclude each other", _WRONG_USAGE)
    if listing or name is None:
        _list(json)
        return
    try:
        asked = named(name)
        given, now = _given(param or [], as_of), wall_now()
        asked.arguments(given, now)  # so that wrong usage is said whether there is a dataset or not
        connection = find_connection()
        arguments = asked.arguments(given, now, connection.environment)
        rows = connection.warehouse().query(asked.sql, arguments)
    except (UnknownQueryError, QueryParameterError) as error:
        refuse(str(error), _WRONG_USAGE)
    except (NotConnected, Unavailable) as error:
        refuse(str(error))
    if json:
        say_json(_ANYTHING.dump_python(rows, mode="json"))
    elif as_csv:
        typer.echo(as_lines(rows), nl=False)
    else:
        _show(asked, rows, connection.where)


def _given(assignments: Sequence[str], as_of: datetime | None) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise QueryParameterError(f"'{assignment}' is no parameter; write --param name=value")
        given[name] = value
    return given if as_of is None else {**given, "as_of": as_of}


def as_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV of rows that share their columns; lists and objects as JSON, NULL as nothing."""
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
        return _ANYTHING.dump_json(value).decode()
    return str(value)


def _show(asked: NamedQuery, rows: Sequence[Mapping[str, Any]], where: str) -> None:
    console.print(asked.question, style="bold", highlight=False, markup=False)
    if not rows:
        console.print("no rows")
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in rows[0]:
            table.add_column(column)
        for row in rows:
            table.add_row(*(Text(_seen(value)) for value in row.values()))
        console.print(table)
    console.print(f"instants in New York time; from {where}", style="bright_black", soft_wrap=True)


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
        console.print(f"[bold]{query.name}[/]  {query.question}", highlight=False, soft_wrap=True)
        for parameter in query.parameters:
            default = f" = {parameter.default}" if parameter.default else ""
            console.print(
                f"    {parameter.name} {parameter.type}{default}  {parameter.meaning}",
                style="bright_black",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _described(query: NamedQuery) -> JsonValue:
    return {
        "name": query.name,
        "question": query.question,
        "parameters": [
            {"name": item.name, "type": item.type, "default": item.default, "meaning": item.meaning}
            for item in query.parameters
        ],
    }

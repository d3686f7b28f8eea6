"""`tipoff sick`: every scraper, worst first."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.console import AsJson, AsOf, console, refuse, say_json, say_rows
from tipoff_cli.times import clock
from tipoff_common.ports import Unavailable
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import pluralize
from tipoff_dataset.queries import named


def sick(
    as_of: AsOf = None,
    everything: Annotated[bool, typer.Option("--all", help="include healthy scrapers")] = False,
    json: AsJson = False,
) -> None:
    """List unhealthy scrapers, worst first, with the likely cause.

    Exit code 0 when all are well, 1 when a scraper is unhealthy or none ran, 3 when the dataset cannot be queried.
    """
    query, now = named("scraper_health"), as_of or wall_now()
    try:
        connection = find_connection()
        arguments = query.arguments({"as_of": now}, now, connection.environment)
        rows = connection.warehouse().query(query.sql, arguments)
    except (NotConnected, Unavailable) as error:
        refuse(str(error), 3)
    unhealthy = [row for row in rows if row["cause"] != "well"]
    shown = rows if everything else unhealthy
    if json:
        say_json([{name: _plain(value) for name, value in row.items()} for row in shown])
    elif not rows:
        console.print(Text("? no scraper ran within 30 days", "bold yellow"))
    elif shown:
        headings = ("scraper", "likely cause", "last success", "silence", "failed", "drift", "last error")
        say_rows(headings, [_row(row) for row in shown])
    else:
        console.print(Text(f"✔ {pluralize(len(rows), 'scraper')}, nothing wrong", "bold green"))
    # Without any run, there is no healthy scraper either.
    raise typer.Exit(1 if unhealthy or not rows else 0)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _row(row: dict[str, Any]) -> tuple[str | Text, ...]:
    found, intervals = row["last_success"], row["silent_intervals"]
    return (
        row["scraper_name"],
        Text(row["cause"], "green" if row["cause"] == "well" else "bold red"),
        clock(found, "%Y-%m-%d %H:%M") if found else "never",
        f"{intervals:g} of its intervals" if intervals is not None else "-",
        # telling_runs leaves out documents that were not published yet: they are no evidence about the scraper.
        f"{row['failures']} of {row['telling_runs']}" if row["telling_runs"] else "-",
        "yes" if row["drift"] else "-",
        row["last_error"] or "-",
    )

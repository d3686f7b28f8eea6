"""`tipoff trace`: the chain from an expected run to the receipts of its files."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.text import Text

from tipoff_cli.connection import Connection, NotConnected, find_connection
from tipoff_cli.console import WRONG_USAGE, AsJson, console, errors, refuse, say_json, say_source
from tipoff_cli.service_client import NotAnswered, ask
from tipoff_cli.times import clock, day
from tipoff_common.clock import business_date
from tipoff_common.wall_clock import wall_now
from tipoff_planning.trace.dataset import ChainDataset, DateSpan
from tipoff_planning.trace.links import ChainNode
from tipoff_planning.trace.lookup import NotFound, Trace
from tipoff_planning.trace.lookup import trace as find_trace
from tipoff_planning.trace.memory import ControllerMemory, MemoryUnavailable

_AROUND = timedelta(days=7)
"""Distance from a game date within which its runs are expected, executed and processed."""
_RECENT_DAYS = (3, 14)
_CLOCKS_DIFFER = timedelta(seconds=2)
_STYLES = {
    "occurrence": "bold",
    "decision": "cyan",
    "request": "blue",
    "execution": "magenta",
    "file": "green",
    "receipt": "bold green",
    "cleanup": "yellow",
    "dead letter": "bold red",
    "pending": "cyan",
    "missing": "yellow",
}


def trace(
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="id of an occurrence, decision, request, execution or event; or a file's gs:// path",
        ),
    ],
    about: Annotated[
        date | None,
        typer.Option(
            "--date",
            parser=day,
            metavar="DATE",
            help="its game date; without it, the last three days are searched, then 14, then all",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show the whole chain that an id belongs to: expectation, decisions, requests, executions, files, receipts.

    Each line has its time in the fleet's zone and the time since the line above. An expected item that is not there is
    pending as long as it may still come, and then missing. Exit code 1 when the id is unknown, or the dataset cannot be
    queried.
    """
    if not identifier.strip():
        refuse("the ID is empty; write an id, or a file's gs:// path", WRONG_USAGE)
    today = business_date(wall_now())
    days = [about] if about else [today - timedelta(days=offset) for offset in (2, 1, 0)]
    spans = [(about - _AROUND, about + _AROUND)] if about else _spans(today)
    try:
        connection = find_connection()
        dataset = ChainDataset(connection.warehouse(), connection.environment)
        memory = ControllerMemory(partial(_get, connection))
        found = find_trace(identifier, dataset, memory, days, spans, wall_now())
    except NotFound as error:
        near = "".join(f"\n  {item}" for item in error.near)
        refuse(error.sentence(connection.environment) + (f"; similar ids:{near}" if near else ""))
    if json:
        say_json(_as_json(found, identifier))
        return
    for root in found.roots:
        for line in tree(root, identifier):
            console.print(line)
    say_source(connection.where)
    if found.without_memory:
        errors.print(Text(f"requests and plans are not shown: {found.without_memory}", "yellow"))


def _get(connection: Connection, path: str, query: Mapping[str, str | Sequence[str]]) -> bytes:
    """Send a GET request to the controller. Raises MemoryUnavailable."""
    try:
        return ask(connection, "GET", path, query=query)
    except (NotAnswered, NotConnected) as error:
        raise MemoryUnavailable(str(error)) from error


def _spans(today: date) -> Sequence[DateSpan]:
    """Return spans of ever more days before `today`, so that the search for a recent id reads few days."""
    tomorrow = today + timedelta(days=1)
    recent = [(today - timedelta(days=days), tomorrow) for days in _RECENT_DAYS]
    return [*recent, (date(1970, 1, 1), date(2999, 12, 31))]


def tree(node: ChainNode, requested_id: str, above: datetime | None = None) -> Iterator[Text]:
    """Yield one line for each node, so that ids and paths stay whole. A line shows its date only where it changes."""
    yield _line(node, requested_id, above)
    for child in node.children:
        first, rest = ("└── ", "    ") if child is node.children[-1] else ("├── ", "│   ")
        for number, line in enumerate(tree(child, requested_id, node.at or above)):
            yield Text.assemble(rest if number else first, line)


def _line(node: ChainNode, requested_id: str, above: datetime | None) -> Text:
    line = Text()
    if requested_id in node.ids:
        line.append("► ", "bold yellow")
    if node.at:
        same = above is not None and business_date(node.at) == business_date(above)
        line.append(clock(node.at, "%H:%M:%S " if same else "%Y-%m-%d %H:%M:%S "))
    if node.gap is not None:
        line.append(f"{length(node.gap)} ", "bright_black")
    line.append(f"{node.kind} ", _STYLES[node.kind])
    line.append(node.text)
    if node.id and node.id not in node.text:
        line.append(f"  {node.id}", "bright_black")
    return line


def length(gap: timedelta) -> str:
    """Format a gap as +2 h 5 min, +3 min 5 s or +1.2 s. A small negative gap, within clock differences, counts as 0."""
    seconds = 0.0 if -_CLOCKS_DIFFER < gap < timedelta() else gap.total_seconds()
    sign, seconds = ("-" if seconds < 0 else "+"), abs(seconds)
    if seconds < 60:
        return f"{sign}{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{sign}{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours} h {minutes} min"


def _as_json(found: Trace, requested_id: str) -> JsonValue:
    return {
        "id": requested_id,
        "without_memory": found.without_memory,
        "chains": _nodes(found.roots, requested_id),
    }


def _nodes(nodes: Sequence[ChainNode], requested_id: str) -> list[JsonValue]:
    return [
        {
            "kind": node.kind,
            "id": node.id,
            "asked": requested_id in node.ids,
            "at": node.at.isoformat() if node.at else None,
            "gap_seconds": node.gap.total_seconds() if node.gap is not None else None,
            "text": node.text,
            "facts": dict(node.facts),
            "children": _nodes(node.children, requested_id),
        }
        for node in nodes
    ]

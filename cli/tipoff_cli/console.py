"""Common functions of the commands: output, errors, the configuration."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tipoff_cli.connection import NotConnected, find_connection
from tipoff_cli.times import instant, zone_name
from tipoff_common.visible import visible
from tipoff_common.wall_clock import wall_now
from tipoff_common.words import unknown_name

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tipoff_planning.workflows import Configuration

WRONG_USAGE = 2
"""The exit code of wrong usage, the same as Typer's."""
RECENT = timedelta(days=7)
"""The period that commands search when --since is not given."""
_SHORT_CELL = 20
"""Cells of at most this many characters are never broken: a time, a status, a count."""


class _Visible:
    """A renderable with the control characters of its text escaped; the console's own styles stay."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._item, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


class _Escaping(RenderHook):
    """A hook that escapes all printed text: sources, rows and messages are not trusted."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(item) for item in renderables]


# Emoji codes such as :key: are text in messages, and the emoji table is slow to load. Operators copy ids, paths and
# commands from the output, so the console neither breaks lines nor colours numbers.
console = Console(emoji=False, soft_wrap=True, highlight=False)
errors = Console(stderr=True, emoji=False, soft_wrap=True, highlight=False)
for _console in (console, errors):
    _console.push_render_hook(_Escaping())


def _past(value: str) -> datetime:
    """Parse the instant of --as-of; only a replay may be ahead of the clock. Raises BadParameter."""
    # Imported here: it needs pydantic, and --help must not wait for it.
    at = instant(value)
    # Refused in the parser, so that no command with the option can forget to: between now and a future instant,
    # evaluations and scrapers would seem to have stopped.
    if at > wall_now():
        try:
            replays = find_connection().in_event_time
        except NotConnected:
            return at  # the command reports that nothing is connected, with its own exit code
        if not replays:
            raise typer.BadParameter(
                f"'{value}' is in the future; for a future day: tipoff schedule --date DATE"
            )
    return at


AsJson = Annotated[bool, typer.Option("--json", help="print the data as JSON")]
WorkflowsOption = Annotated[
    Path,
    typer.Option(
        "--workflows",
        metavar="FILE",
        help="the workflows and their schedules",
        show_default="config/workflows.yaml",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=_past,
        metavar="TIME",
        help="show the state known then; now when left out. A date alone is its first instant",
    ),
]
ScrapersFolder = Annotated[
    Path,
    typer.Option(
        "--scrapers",
        metavar="DIR",
        help="folder of the scrapers and their descriptions",
        show_default="services/scraper-runner/scrapers",
    ),
]


def reason(value: str) -> str:
    """Parse the reason that an operator gives. Raises BadParameter for blanks."""
    if not value.strip():
        raise typer.BadParameter("empty; give a reason, which other operators see")
    return value.strip()


def refuse(message: str, code: int = 1) -> NoReturn:
    """Print an error and its remedy on stderr, and end the command."""
    errors.print(Text(message, style="red"))
    raise typer.Exit(code)


def refuse_unknown(kind: str, name: str, known: Iterable[str], code: int = 1) -> NoReturn:
    """End the command for an unknown name; the message lists similar names, else all known names."""
    refuse(unknown_name(kind, name, known), code)


def say_json(value: "JsonValue") -> None:
    """Print JSON."""
    console.print_json(json.dumps(value, ensure_ascii=False))


def say_source(where: str) -> None:
    """Print the zone of the instants above, and the source of the data."""
    console.print(f"instants in {zone_name()} time; from {where}", style="bright_black")


def jsonable(value: Any) -> Any:
    """Convert rows, dataclasses and instants to JSON values for `say_json`."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def say_rows(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print a table that breaks only long cells, at spaces.

    On a narrower terminal, print each row as a record instead. Names, ids and paths stay whole either way, so that
    operators can copy them.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[_text(cell) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        longest = max((row[place].cell_len for row in cells), default=0)
        short = longest <= _SHORT_CELL
        # Rich takes the longest word as a column's minimum width, and cuts off a longer cell that it may not break.
        table.add_column(column, no_wrap=short, overflow="fold", min_width=longest if short else None)
    for row in cells:
        table.add_row(*row)
    least = Measurement.get(console, console.options.update(max_width=100_000), table).minimum
    if least <= console.width:
        console.print(table)
        return
    for number, row in enumerate(cells):
        if number:
            console.print()
        say_fields([(Text(column, "bold"), cell) for column, cell in zip(columns, row, strict=True)])


def say_fields(rows: Sequence[Sequence[str | Text]]) -> None:
    """Print one line for each row at any terminal width: columns are aligned, and the last may have any length."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        for cell, width in zip(row[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len)
        console.print(Text("  ").join(row))


def _text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def load_configuration(workflows: Path, scrapers: Path) -> "Configuration":
    """Read the configuration. Raises ConfigurationError when it has a fault."""
    from tipoff_common.catalog import load_catalog
    from tipoff_planning.loading import load_workflows

    return load_workflows(workflows, load_catalog(scrapers))

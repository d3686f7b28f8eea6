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

from tipoff_cli.times import instant, zone_name
from tipoff_common.visible import visible
from tipoff_common.words import unknown_name

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tipoff_planning.workflows import Configuration

WRONG_USAGE = 2
"""The exit code of wrong usage, as Typer has it."""
RECENT = timedelta(days=7)
"""How far back commands look when no --since is given."""
_SHORT_CELL = 20
"""Characters up to which a cell is never broken: a time, a status, a count."""


class _Visible:
    """A renderable whose own text cannot reach the terminal as a command; styles are the console's, and stay."""

    def __init__(self, item: Any) -> None:
        self._item = item

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._item, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


class _Escaping(RenderHook):
    """The one place through which everything printed passes: sources, rows and messages are not trusted."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Visible(item) for item in renderables]


# Emoji codes such as :key: are text in messages, and their table takes longer to load than a table to print. Ids, paths
# and commands are copied from what is printed, so no line is broken here or coloured for what looks like a number.
console = Console(emoji=False, soft_wrap=True, highlight=False)
errors = Console(stderr=True, emoji=False, soft_wrap=True, highlight=False)
for _one in (console, errors):
    _one.push_render_hook(_Escaping())


AsJson = Annotated[bool, typer.Option("--json", help="print the data as JSON")]
WorkflowsOption = Annotated[
    Path,
    typer.Option(
        "--workflows", metavar="FILE", help="what should run when", show_default="config/workflows.yaml"
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=instant,
        metavar="TIME",
        help="as it was known then; now when left out. A date alone is its first instant",
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
    """Read why somebody does something. Raises BadParameter for blanks."""
    if not value.strip():
        raise typer.BadParameter("empty; say why, which is shown wherever somebody asks")
    return value.strip()


def refuse(message: str, code: int = 1) -> NoReturn:
    """Print on stderr why it cannot be done and what to do, and end the command."""
    errors.print(Text(message, style="red"))
    raise typer.Exit(code)


def refuse_unknown(kind: str, name: str, known: Iterable[str], code: int = 1) -> NoReturn:
    """End the command for a name that is none, with those near it, else with all there are."""
    refuse(unknown_name(kind, name, known), code)


def say_json(value: "JsonValue") -> None:
    """Print JSON."""
    console.print_json(json.dumps(value, ensure_ascii=False))


def say_source(where: str) -> None:
    """Print by which clocks the instants above are, and where they are from."""
    console.print(f"instants in {zone_name()} time; from {where}", style="bright_black")


def jsonable(value: Any) -> Any:
    """Convert rows, dataclasses and instants to what `say_json` prints."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def say_rows(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """Print a table, in which only sentences are broken at spaces.

    Where the terminal is too narrow for that, a record a row instead: names, ids and paths stay whole either way, so
    that they can be copied.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[_text(cell) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        longest = max((row[place].cell_len for row in cells), default=0)
        short = longest <= _SHORT_CELL
        # Rich measures the least width of any column by its words, and cuts a cell off that may not be broken at them.
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
    """Print a line a row, whatever the terminal's width: the cells below each other, the last of any length."""
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

"""What the commands share: how dates and instants are written, where files are, how an error is said."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import JsonValue, TypeAdapter, ValidationError
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.clock import EASTERN, read_date
from tipoff_common.yaml_source import ConfigurationError
from tipoff_planning.loading import load_workflows
from tipoff_planning.schedules import Duration
from tipoff_planning.workflows import Configuration

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)

_SHORT_CELL = 20
"""Characters up to which a cell is never broken: a time, a status, a count."""

console = Console()
errors = Console(stderr=True)


def day(value: str) -> date:
    """2025-01-15 or 20250115."""
    try:
        return read_date(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def instant(value: str) -> datetime:
    """ISO 8601; without a zone it is New York's time, the first of two that are alike when clocks go back. Its day
    has the bounds of a date."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise typer.BadParameter(
            f"'{value}' is no time; write \"2025-01-15 13:00\" (New York) or 2025-01-15T18:00Z"
        ) from error
    day(str(found.date()))
    if found.tzinfo:
        return found
    meant = found.replace(tzinfo=EASTERN).astimezone(UTC)
    if (shown := meant.astimezone(EASTERN).replace(tzinfo=None)) != found:
        before = found - (shown - found)
        raise typer.BadParameter(
            f"there is no {found:%H:%M} on {found:%Y-%m-%d} in New York, whose clocks go forward;"
            f" write {before:%H:%M} or {shown:%H:%M}"
        )
    return meant


def cadence(value: str) -> timedelta:
    """15m, 1h."""
    try:
        return _DURATION.validate_python(value)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(f"'{value}': {what}") from error


AsJson = Annotated[bool, typer.Option("--json", help="print the data as JSON")]
WorkflowsFile = Annotated[
    Path,
    typer.Option(
        "--workflows", metavar="FILE", help="what should run when", show_default="config/workflows.yaml"
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


def refuse(message: str, code: int = 1) -> NoReturn:
    """Says on stderr why it cannot be done and what to do, and ends the command."""
    errors.print(Text(message, style="red"), soft_wrap=True)
    raise typer.Exit(code)


def say_json(value: JsonValue) -> None:
    console.print_json(json.dumps(value, ensure_ascii=False))


def say_rows(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table, in which only sentences are broken at spaces; where the terminal is too narrow for that, a record a row
    instead. Names, ids and paths stay whole either way, so that they can be copied."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[_text(cell) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        short = all(cell.cell_len <= _SHORT_CELL for cell in (row[place] for row in cells))
        table.add_column(column, no_wrap=short, overflow="fold")
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
    """A line a row, whatever the terminal's width: the cells below each other, the last of any length."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        for cell, width in zip(row[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len)
        console.print(Text("  ").join(row), soft_wrap=True)


def _text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def load_scrapers(folder: Path) -> Catalog:
    """Ends the command when the catalogue has a fault."""
    try:
        return load_catalog(folder)
    except ConfigurationError as error:
        refuse(str(error))


def load_configuration(workflows: Path, scrapers: Path) -> Configuration:
    """Ends the command when the configuration has a fault."""
    catalog = load_scrapers(scrapers)
    try:
        return load_workflows(workflows, catalog)
    except ConfigurationError as error:
        refuse(str(error))


def clock(moment: datetime, form: str = "%H:%M") -> str:
    """New York's time."""
    return moment.astimezone(EASTERN).strftime(form)

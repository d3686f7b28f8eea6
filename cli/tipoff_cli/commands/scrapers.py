"""`tipoff scrapers`: the scrapers of the fleet."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.text import Text

from tipoff_cli.checkout import SCRAPERS, WORKFLOWS
from tipoff_cli.console import (
    AsJson,
    ScrapersFolder,
    WorkflowsOption,
    refuse_unknown,
    say_fields,
    say_json,
    say_rows,
)
from tipoff_common.catalog import Catalog, ScraperSpec, load_catalog
from tipoff_common.reproduce import scrape_command
from tipoff_planning.loading import load_workflows

scrapers = typer.Typer(no_args_is_help=True, help="List, show and create scrapers.")


@scrapers.command("list")
def list_scrapers(
    folder: ScrapersFolder = SCRAPERS, workflows: WorkflowsOption = WORKFLOWS, json: AsJson = False
) -> None:
    """List the scrapers with their descriptions and the workflows that use them.

    Exit code 1 when a description has a fault.
    """
    catalog = load_catalog(folder)
    asking = _workflows_using(workflows, catalog)
    if json:
        say_json([_row(spec, asking) for spec in catalog.values()])
        return
    say_rows(
        ("name", "source", "parameters", "workflows", "what"),
        [
            (
                spec.name,
                spec.source,
                ", ".join(name for name in spec.parameters if name != "game_date") or "-",
                ", ".join(asking[spec.name]) or "-",
                spec.description,
            )
            for spec in catalog.values()
        ],
    )


@scrapers.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="registered name")],
    folder: ScrapersFolder = SCRAPERS,
    workflows: WorkflowsOption = WORKFLOWS,
    json: AsJson = False,
) -> None:
    """Show the whole description of one scraper, and the command that runs it.

    Exit code 1 when there is no such scraper.
    """
    catalog = load_catalog(folder)
    if name not in catalog:
        refuse_unknown("scraper", name, catalog)
    row = _row(catalog[name], _workflows_using(workflows, catalog))
    if json:
        say_json(row)
        return
    say_fields(
        [
            (Text("" if number else key, "bold"), line)
            for key, value in row.items()
            for number, line in enumerate(_lines(value) or ["-"])
        ]
    )


def _workflows_using(workflows: Path, catalog: Catalog) -> dict[str, list[str]]:
    """Map scrapers to the workflows that use them. Raises ConfigurationError."""
    configuration = load_workflows(workflows, catalog)
    return {
        scraper: [
            name
            for name, workflow in configuration.workflows.items()
            if any(step.scraper == scraper for step in workflow.steps)
        ]
        for scraper in catalog
    }


def _row(spec: ScraperSpec, asking: dict[str, list[str]]) -> dict[str, JsonValue]:
    described: dict[str, JsonValue] = spec.model_dump(mode="json")
    return {
        **described,
        "output": spec.output_template,
        "workflows": list(asking[spec.name]),
        "run": scrape_command(spec),
    }


def _lines(value: JsonValue) -> list[str]:
    """Return a value as lines of text for the terminal."""
    if isinstance(value, dict):
        return [f"{key}: {', '.join(_lines(item))}" for key, item in value.items()]
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)]
    return [] if value is None else [str(value)]

"""`tipoff validate`: every fault of the configuration, before a service reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.text import Text

from tipoff_cli.checkout import FLEET, SCRAPERS, TOPICS, WORKFLOWS, outside_note, ticks
from tipoff_cli.commands import further_checks
from tipoff_cli.connection import stale_zone
from tipoff_cli.console import AsJson, ScrapersFolder, console, say_json
from tipoff_common.catalog import Catalog, load_catalog
from tipoff_common.events import Tick
from tipoff_common.ticks import cadence_of
from tipoff_common.topics import TopicMap, load_topics
from tipoff_common.words import pluralize
from tipoff_common.yaml_source import ConfigurationError, YamlSource
from tipoff_planning.loading import load_workflows
from tipoff_planning.workflows import Configuration, WorkflowsFile

T = TypeVar("T")


def validate(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="[FILE]", help="the workflows and their schedules", show_default="config/workflows.yaml"
        ),
    ] = WORKFLOWS,
    scrapers: ScrapersFolder = SCRAPERS,
    topics: Annotated[
        Path, typer.Option(metavar="FILE", help="the topic map", show_default="infra/topics.yaml")
    ] = TOPICS,
    json: AsJson = False,
) -> None:
    """Check workflows.yaml, the scrapers it names and the topic map as the services do at their start.

    Where the local stack is installed, the scrapers are imported too, and their fakes and config/alerts.yaml checked.
    Prints a summary, or every fault as file:line: fault; remedy. Exit code 1 when there is a fault.
    """
    faults: list[str] = []
    catalog = _loaded(load_catalog, scrapers, faults)
    configuration = _configuration(file, catalog, faults)
    topic_map = _loaded(load_topics, topics, faults)
    faults += [fault for check in further_checks() for fault in check(scrapers)]
    if json:
        say_json({"ok": not faults, "faults": list(faults), **_counts(catalog, configuration, topic_map)})
    for fault in faults if not json else ():
        console.print(Text.assemble(("✘ ", "red"), fault))
    if faults:
        raise typer.Exit(1)
    if not json:
        counts = _counts(catalog, configuration, topic_map)
        summary = ", ".join(
            pluralize(number, what.removesuffix("s"))
            for what, number in counts.items()
            if isinstance(number, int)
        )
        console.print(Text.assemble(("✔ ", "green"), f"{file}: {summary}; hash {counts['config_hash']}"))
        for warning in filter(None, (outside_note(FLEET) if file == WORKFLOWS else "", stale_zone())):
            console.print(warning, style="yellow")


def _loaded(load: Callable[[Path], T], path: Path, faults: list[str]) -> T | None:
    """Return the loaded file; for an invalid file, add its faults to `faults` and return None."""
    try:
        return load(path)
    except ConfigurationError as error:
        faults += error.faults
        return None


def _configuration(file: Path, catalog: Catalog | None, faults: list[str]) -> Configuration | None:
    """Return the configuration, or None with its faults in `faults`. Without a catalog, check the file alone."""
    try:
        if catalog is not None:
            return load_workflows(
                file, catalog, cadence_of(ticks(), Tick.EVALUATE), cadence_of(ticks(), Tick.DISCOVER)
            )
        YamlSource.read(file).validate(WorkflowsFile)
    except ConfigurationError as error:
        faults += error.faults
    return None


def _counts(
    catalog: Catalog | None, configuration: Configuration | None, topics: TopicMap | None
) -> dict[str, int | str | None]:
    """Count the items of each file; None for a file with faults."""
    workflows = configuration.workflows if configuration else None
    return {
        "workflows": len(workflows) if workflows is not None else None,
        "steps": sum(len(item.steps) for item in workflows.values()) if workflows is not None else None,
        "scrapers": len(catalog) if catalog is not None else None,
        "topics": len(topics.topics) if topics else None,
        "subscriptions": len(list(topics.subscriptions())) if topics else None,
        "config_hash": configuration.hash if configuration else None,
    }

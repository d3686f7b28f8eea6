"""The commands, a module or a folder each. Other packages add commands by the entry-point group `tipoff.commands`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ENTRY_POINTS = "tipoff.commands"
"""Each entry point of this group names a tuple of CommandSpec."""


@dataclass(frozen=True)
class CommandSpec:
    """A command that is imported when it is needed."""

    name: str
    """The name as typed; "scrapers new" is the command `new` of the group `scrapers`."""
    target: str
    """`module:attribute` of a function, or of a Typer app for a group."""
    help: str
    """The first line of its help, so that `tipoff --help` need not import the command; a test keeps the two equal."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of Typer's `command`."""

    def load(self) -> Any:
        """Import the function or app."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


_COMMANDS = {
    "validate:validate": (
        "Check workflows.yaml, the scrapers it names and the topic map as the services do at their start."
    ),
    "schedule:schedule": "List the expected runs of a day: start, deadline, workflow, subject and reason.",
    "explain:explain": (
        "Explain the decision about a workflow at an instant, with every condition, met or not."
    ),
    "discovery.command:discovery": (
        "Show learned publication times, and advise whether a search should use them."
    ),
    "simulate.command:simulate": (
        "Try a configuration over a season: the controller's own decisions against a simulated upstream."
    ),
    "trigger:trigger": "Run a workflow for a game date now, whatever was found before.",
    "pause:pause": (
        "Stop requesting a workflow or a scraper for a while, without alerts that it is missing."
    ),
    "pause:resume": "End the pause of a workflow or a scraper.",
    "pause:pauses": "List the pauses in force with their author, end and reason.",
    "backfill.command:backfill": (
        "Run a workflow or a scraper for past game dates at a limited rate, and report each date."
    ),
    "trace:trace": (
        "Show the whole chain that an id belongs to: expectation, decisions, requests, executions, files, receipts."
    ),
    "logs:logs": "Show the logs of the services and of the scraper itself about one run, tracebacks included.",
    "status:status": "Show in one line whether a day is all right, then the state of each workflow.",
    "sick:sick": "List unhealthy scrapers, worst first, with the likely cause.",
    "alerts:alerts": "List, acknowledge and silence alerts; show who is notified.",
    "query:query": "Run one of the dataset's named queries.",
    "diagnose.command:diagnose": (
        "Give the verdict on a source: its last runs and last success, drift, volume, the likely cause and what to do."
    ),
    "smoke.command:smoke": (
        "Send real events through every service and read their rows: a decision, a cleanup, a scrape."
    ),
    "deploy.command:deploy": (
        "Show Terraform's plan, and with --apply build the commit's images, apply it and send real events through."
    ),
    "deploy.terraform:terraform": (
        "Write infra/terraform of a fleet: Tipoff's roots and modules with its dataset, zone, ticks and secrets."
    ),
    "scrapers:scrapers": "List, show and create scrapers.",
    "dead_letters:dead_letters": "List rejected messages and replay them.",
    "files:files": "List landed files, and explain why one has no receipt.",
    "tables:tables": "Deploy the dataset, or compare a live one with its SQL files.",
}
"""`module:function` of each command below this package, named like the command, with the first line of its help."""
COMMANDS = tuple(
    CommandSpec(target.rpartition(":")[2].replace("_", "-"), f"{__name__}.{target}", line)
    for target, line in _COMMANDS.items()
)


def further_checks() -> tuple[Callable[[Path], list[str]], ...]:
    """Return the checks of a fleet's code, fakes and alerts that installed packages add.

    A module of the group may name them as `CHECKS`, `module:function`. Each check takes the folder of scrapers and
    returns a line for each fault.
    """
    from importlib.metadata import entry_points

    points = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    targets = [target for point in points for target in getattr(import_module(point.module), "CHECKS", ())]
    return tuple(CommandSpec("check", target, "").load() for target in targets)


@cache
def all_commands() -> tuple[CommandSpec, ...]:
    """Return the commands of every installed package: developers' first, then the operators' above."""
    # Import late: only groups, the list of all commands and unknown names need it, and the import is slow.
    from importlib.metadata import entry_points

    found: list[CommandSpec] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        found += point.load()
    return (*found, *COMMANDS)

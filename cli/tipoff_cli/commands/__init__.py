"""The commands, a module or a folder each. Further packages add theirs by the entry-point group `tipoff.commands`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

ENTRY_POINTS = "tipoff.commands"
"""Each entry point of this group names a tuple of CommandSpec."""


@dataclass(frozen=True)
class CommandSpec:
    """A command that is imported when it is needed."""

    name: str
    """As it is typed; "scrapers new" is the command `new` of the group `scrapers`."""
    target: str
    """`module:attribute` of a function, or of a Typer app for a group."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of Typer's `command`."""

    def load(self) -> Any:
        """Import the function or app."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


_HERE = "tipoff_cli.commands"
COMMANDS = (
    CommandSpec("validate", f"{_HERE}.validate:validate"),
    CommandSpec("schedule", f"{_HERE}.schedule:schedule"),
    CommandSpec("explain", f"{_HERE}.explain.command:explain"),
    CommandSpec("simulate", f"{_HERE}.simulate.command:simulate"),
    CommandSpec("trigger", f"{_HERE}.trigger:trigger"),
    CommandSpec("backfill", f"{_HERE}.backfill.command:backfill"),
    CommandSpec("trace", f"{_HERE}.trace.command:trace"),
    CommandSpec("status", f"{_HERE}.status:status"),
    CommandSpec("query", f"{_HERE}.query:query"),
    CommandSpec("diagnose", f"{_HERE}.diagnose.command:diagnose"),
    CommandSpec("smoke", f"{_HERE}.smoke.command:smoke"),
    CommandSpec("deploy", f"{_HERE}.deploy.command:deploy"),
    CommandSpec("scrapers", f"{_HERE}.scrapers:scrapers"),
    CommandSpec("dead-letters", f"{_HERE}.dead_letters.command:dead_letters"),
    CommandSpec("files", f"{_HERE}.files.command:files"),
    CommandSpec("tables", f"{_HERE}.tables:tables"),
)


@cache
def all_commands() -> tuple[CommandSpec, ...]:
    """Return the commands of every installed package: developers' first, then the operators' above."""
    found: list[CommandSpec] = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        found += point.load()
    return (*found, *COMMANDS)

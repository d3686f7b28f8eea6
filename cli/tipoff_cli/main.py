"""The `tipoff` command line."""

from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup
from typer.main import get_command, get_group

from tipoff_cli.commands import CommandSpec, all_commands


class Commands(TyperGroup):
    """Import a command only when it is run or shown, so that none waits for what others import."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        """Return the names in the order in which packages list them."""
        return [spec.name for spec in all_commands() if " " not in spec.name]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load the command. An unknown name loads all, so that Typer can suggest one that is near."""
        names = self.list_commands(ctx)
        for name in (cmd_name,) if cmd_name in names else names:
            if name not in self.commands:
                self.add_command(_loaded(name), name)
        return super().get_command(ctx, cmd_name)


def _loaded(name: str) -> Any:
    specs = {spec.name: spec for spec in all_commands()}
    command = specs[name].load()
    if not isinstance(command, typer.Typer):
        return _single(specs[name], command)
    group = get_group(command)
    group.name = name  # the name by which the help lists it
    # Another package may add to a group: "scrapers new" goes into "scrapers".
    for spec in specs.values():
        parent, _, leaf = spec.name.partition(" ")
        if leaf and parent == name:
            group.add_command(_single(spec, spec.load()), leaf)
    return group


def _single(spec: CommandSpec, function: Any) -> Any:
    alone = typer.Typer(add_completion=False)
    alone.command(spec.name.rpartition(" ")[2], **spec.options)(function)
    return get_command(alone)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    help="Runs a fleet of scrapers and proves what it did.",
)
console = Console()


@app.callback()
def tipoff() -> None:
    """Runs a fleet of scrapers and proves what it did."""

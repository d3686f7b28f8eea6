"""The `tipoff` command line."""

import sys
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from tipoff_cli.commands import COMMANDS, CommandSpec, all_commands
from tipoff_cli.errors import CommandFailed
from tipoff_cli.version import version_line
from tipoff_common.ports import PermanentRefusal, Unavailable

_HELP = "Run a fleet of scrapers and prove its results."


class Commands(TyperGroup):
    """A group that imports a command only to run it or to show its help: no command waits for the imports of others."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # Typer's signature
        """Return the names in the order in which packages list them."""
        return list(_top_level())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load the command of this name, None when there is none."""
        # Search other packages only for a name that is not in COMMANDS: reading their entry points is slow.
        own = {spec.name: spec for spec in COMMANDS}
        spec = own.get(cmd_name) or _top_level().get(cmd_name)
        if spec is None:
            return None
        if cmd_name not in self.commands:
            self.add_command(_load(spec), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Suggest near names for one that is unknown, without loading any command."""
        if args and self.get_command(ctx, args[0]) is None:
            for name in self.list_commands(ctx):
                self.commands.setdefault(name, TyperCommand(name))
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse arguments that are not UTF-8 text: a command can neither send nor print them."""
        for arg in args:
            # Python decodes bytes that are not UTF-8 to unpaired surrogates.
            if (shown := arg.encode("utf-8", "backslashreplace").decode()) != arg:
                raise typer.BadParameter(f"'{shown}' is not UTF-8 text; write it in UTF-8")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command. An error that an operator can fix ends the command with its message and code 1."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            reason = _reason(error)
            if reason is None:
                raise
            # Import Rich late: --help and --version do not need it.
            from tipoff_cli.console import refuse

            refuse(reason)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # Typer's signature
        """List every command with the line that its specification holds."""
        rows = [(spec.name, spec.help) for spec in _top_level().values()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _reason(error: Exception) -> str | None:
    """Return the message for an error that an operator can fix; None for a fault of this program."""
    # A file that cannot be read or written: its name is too long, its folder is read-only, the disk is full.
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    # Do not import ConfigurationError, as --help would have to wait: code that raises it has imported its module.
    loaded: Any = sys.modules.get("tipoff_common.yaml_source")
    known = (CommandFailed, PermanentRefusal, Unavailable, *([loaded.ConfigurationError] if loaded else []))
    return str(error) if isinstance(error, known) else None


def _top_level() -> Mapping[str, CommandSpec]:
    return {spec.name: spec for spec in all_commands() if " " not in spec.name}


def _load(spec: CommandSpec) -> Any:
    command = spec.load()
    if not isinstance(command, typer.Typer):
        return _single(spec, command)
    command.rich_markup_mode = None
    group = get_group(command)
    group.name = spec.name  # the name by which the help lists it
    # Another package may add to a group: "scrapers new" goes into "scrapers".
    for other in all_commands():
        parent, _, leaf = other.name.partition(" ")
        if leaf and parent == spec.name:
            group.add_command(_single(other, other.load()), leaf)
    return group


def _single(spec: CommandSpec, function: Any) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(spec.name.rpartition(" ")[2], **spec.options)(function)
    return get_command(alone)


# Plain help: rendering it with Rich takes longer than the rest of --help.
app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=_HELP)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def tipoff(
    _version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="show version and commit, and end"
    ),
) -> None:
    """Run a fleet of scrapers and prove its results."""

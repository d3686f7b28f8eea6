"""`docs/reference/cli.md`: the `tipoff` command line, read from the application itself."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from tipoff_dev.generate.markdown import generated_from, table

_INTRODUCTION = """\
# Commands

`tipoff --help` and `tipoff COMMAND --help` print the same. Dates are written `2025-01-15`, `20250115`, `today`,
`yesterday` or `tomorrow`, instants as ISO 8601 with a zone or as local time in the fleet's zone,
`"2025-01-15 13:00"` or `"yesterday 13:00"`. On the day on which clocks go back, an ambiguous time needs the zone's
abbreviation after it (`EDT` or `EST` in New York), and every instant of that day is shown with it. Where a command
prints data, `--json` prints the data as JSON. Control characters in texts of a source or a row are shown as escapes,
never sent to the terminal.

Exit code 0 means success and 130 interrupted; usually 1 means failure and 2 wrong usage. The text of a command lists
other codes and other meanings: `status`, for example, exits with 2 when something is red."""


def commands() -> str:
    """Write the reference of the command line."""
    from tipoff_cli.main import app

    root = typer.main.get_command(app)
    parts = [generated_from("`tipoff_cli.main`"), _INTRODUCTION]
    for path, command in _leaves(root, "tipoff"):
        parts.extend(_section(path, command))
    return "\n\n".join(parts) + "\n"


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    context = typer.Context(command)
    for name in command.list_commands(context):
        yield from _leaves(command.get_command(context, name), f"{path} {name}")


def _section(path: str, command: Any) -> Iterator[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    usage = [path, *(_argument(item) for item in arguments), *_options(command, options)]
    yield f"## {path}"
    yield f"```sh\n{' '.join(usage)}\n```"
    yield inspect.cleandoc(command.help or "").replace("\f", "")
    rows = [(f"`{_argument(item)}`", _meaning(item)) for item in arguments]
    rows += [(_option(item), _meaning(item)) for item in options if item.name != "help"]
    if rows:
        yield table(("", "Meaning"), rows)


def _options(command: Any, options: list[Any]) -> list[str]:
    """Return the placeholder of a command's options, also for a command that passes undeclared options on."""
    metavar = str(command.options_metavar)
    return [metavar] if options or metavar != "[OPTIONS]" else []


def _argument(item: Any) -> str:
    name = item.metavar or item.name.upper()
    return name if item.required or name.startswith("[") else f"[{name}]"


def _option(item: Any) -> str:
    value = "" if item.is_flag else f" {item.metavar or 'VALUE'}"
    names = ", ".join(f"`{name}{value}`" for name in (*item.opts, *item.secondary_opts))
    return f"{names} (required)" if item.required else names


def _meaning(item: Any) -> str:
    text = item.help or ""
    shown = item.show_default if isinstance(item.show_default, str) else _default(item)
    return f"{text}; `{shown}` by default" if shown else text


def _default(item: Any) -> str:
    if item.required or item.param_type_name == "argument" or item.is_flag:
        return ""
    return str(item.default) if isinstance(item.default, int | str) else ""

"""The command that runs a scraper as it was run, to be pasted into a shell."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tipoff_common.catalog import ScraperSpec


def scrape_command(spec: "ScraperSpec", opts: Mapping[str, str] = {}) -> str:
    """`tipoff scrape` with these parameters; those that are required and not given stand in capitals.

    The game date is `--date`, as every command has it.
    """
    required = [name for name, parameter in spec.parameters.items() if parameter.required]
    shown = {name: _option(name).removeprefix("--").replace("-", "_").upper() for name in required}
    given = {**shown, **{name: value for name, value in opts.items() if name in spec.parameters}}
    words = [word for name, value in given.items() for word in (_option(name), value)]
    return shlex.join(["tipoff", "scrape", spec.name, *words])


def _option(parameter: str) -> str:
    return "--date" if parameter == "game_date" else f"--{parameter.replace('_', '-')}"


def reparse_command(spec: "ScraperSpec", game_date: str) -> str:
    """Write the command that parses a kept payload again."""
    return shlex.join(["tipoff", "reparse", spec.name, "--date", game_date])

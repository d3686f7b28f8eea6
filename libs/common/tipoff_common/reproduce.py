"""Shell commands that repeat a run of a scraper."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tipoff_common.catalog import ScraperSpec


def scrape_command(spec: "ScraperSpec", opts: Mapping[str, str] = {}) -> str:
    """Return `tipoff scrape` with these parameters; a missing required value is a placeholder in capitals.

    The game date is `--date`, as in every command.
    """
    required = [name for name, parameter in spec.parameters.items() if parameter.required]
    shown = {name: _option(name).removeprefix("--").replace("-", "_").upper() for name in required}
    given = {**shown, **{name: value for name, value in opts.items() if name in spec.parameters}}
    words = [word for name, value in given.items() for word in (_option(name), value)]
    return shlex.join(["tipoff", "scrape", spec.name, *words])


def _option(parameter: str) -> str:
    return "--date" if parameter == "game_date" else f"--{parameter.replace('_', '-')}"


def reparse_command(spec: "ScraperSpec", game_date: str) -> str:
    """Return the command that parses a stored payload again."""
    return shlex.join(["tipoff", "reparse", spec.name, "--date", game_date])

"""The root folder of a fleet's repository, and the environment file of its local stack."""

from pathlib import Path

MARKER = "tipoff.toml"
"""The file at the root of a fleet's own repository."""
STACK_ENVIRONMENT = Path(".tipoff/stack.env")
"""Below the root: the environment of the local stack, present while one runs."""


def find_root(start: Path) -> Path | None:
    """Return the nearest folder with a tipoff.toml, from `start` upward; None where there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / MARKER).is_file()), None)

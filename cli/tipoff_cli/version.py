"""The version and the commit of this command line."""

import os
import subprocess
from pathlib import Path

from tipoff_common import __version__

COMMIT = "TIPOFF_COMMIT"
"""Variable with the full hash of the commit, set where there is no checkout, such as in an image."""
_SHORT = 12


def version_line() -> str:
    """Return the version, with the commit when the environment or git has it."""
    commit = os.environ.get(COMMIT) or _checked_out()
    return f"tipoff {__version__}" + (f" ({commit[:_SHORT]})" if commit else "")


def _checked_out() -> str:
    """Return the commit of this file's checkout; empty for an installed package."""
    here = Path(__file__).parent
    # An installed package may lie inside another repository, whose commit would be a wrong answer.
    if not (here.parents[1] / ".git").exists():
        return ""
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments
            ["git", "-C", str(here), "rev-parse", "HEAD"],  # noqa: S607  # a developer's own git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()

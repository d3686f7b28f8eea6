"""The version and the commit that this command line is."""

import os
import subprocess
from pathlib import Path

from tipoff_common import __version__

COMMIT = "TIPOFF_COMMIT"
"""Set where there is no checkout to ask, such as in an image: the full hash of the commit."""
_SHORT = 12


def version_line() -> str:
    """Return the version with the commit, which is left out where neither the environment nor git knows it."""
    commit = os.environ.get(COMMIT) or _checked_out()
    return f"tipoff {__version__}" + (f" ({commit[:_SHORT]})" if commit else "")


def _checked_out() -> str:
    """Ask git for the commit of the checkout that this file is in; empty for an installed package."""
    here = Path(__file__).parent
    # An installed package may lie in somebody else's repository, whose commit would be a wrong answer.
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

"""Points the runner's command line at the fleet that the current folder belongs to."""

import os

from tipoff_cli import checkout, connection
from tipoff_scraper_runner import cli as runner


def use_this_fleet() -> None:
    """Set the scrapers and the stack that the runner's own functions find in this process.

    The runner's command line knows the current folder only; the fleet and its stack are found from below it too.
    """
    os.environ.setdefault("TIPOFF_SCRAPERS", str(checkout.SCRAPERS))
    runner.RUNNING_STACK = connection.STACK_ENVIRONMENT

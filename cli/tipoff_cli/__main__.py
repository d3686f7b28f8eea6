"""`tipoff`, or `python -m tipoff_cli`: the command line as a process."""

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command and end the process with its exit code: 2 for wrong usage, 130 when interrupted.

    SIGTERM, and SIGHUP of a closed terminal, end it as Ctrl-C does: nothing is left behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        from tipoff_cli.errors import CommandFailed

        _take_zone()
        from tipoff_cli.main import app
    except KeyboardInterrupt:  # before Typer is there to handle it
        sys.exit(130)
    try:
        app()
    except CommandFailed as error:
        from rich.text import Text

        from tipoff_cli.console import errors

        errors.print(Text(str(error), style="red"), soft_wrap=True)
        sys.exit(1)
    sys.exit(0)


def _take_zone() -> None:
    """Set the fleet's zone for this process and what it starts, as its workflows.yaml names it."""
    from tipoff_cli.checkout import FLEET

    os.environ["TIPOFF_TIMEZONE"] = FLEET.timezone


if __name__ == "__main__":
    main()

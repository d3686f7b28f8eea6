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

        try:
            from tipoff_cli.checkout import FLEET
        except CommandFailed as error:
            # A tipoff.toml that cannot be read fails every command before any of them begins.
            print(error, file=sys.stderr)  # noqa: T201  # before the console is there
            sys.exit(1)
        # The fleet's zone, as its workflows.yaml names it, for this process and what it starts.
        os.environ["TIPOFF_TIMEZONE"] = FLEET.timezone
        from tipoff_cli.main import app
    except KeyboardInterrupt:  # before Typer is there to handle it
        sys.exit(130)
    app()
    sys.exit(0)


if __name__ == "__main__":
    main()

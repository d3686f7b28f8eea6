"""`tipoff`, or `python -m tipoff_cli`: the command line as a process."""

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command and end the process with its exit code: 2 for wrong usage, 130 when interrupted.

    SIGTERM, and SIGHUP of a closed terminal, end the command as Ctrl-C does, with its cleanup.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        from tipoff_cli.errors import CommandFailed

        try:
            from tipoff_cli.checkout import FLEET
        except CommandFailed as error:
            # An unreadable tipoff.toml fails every command at the import of the module.
            print(error, file=sys.stderr)  # noqa: T201  # before the console is there
            sys.exit(1)
        # Set the fleet's zone for this process and its children.
        os.environ["TIPOFF_TIMEZONE"] = FLEET.timezone
        from tipoff_cli.main import app
    except KeyboardInterrupt:  # before Typer is there to handle it
        sys.exit(130)
    app()
    sys.exit(0)


if __name__ == "__main__":
    main()

"""`tipoff`, or `python -m tipoff_cli`: the command line as a process."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command; SIGTERM, and SIGHUP of a closed terminal, end it as Ctrl-C does: nothing is left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        from tipoff_cli.errors import CommandFailed
        from tipoff_cli.main import app, console
    except KeyboardInterrupt:  # these take a second
        sys.exit(130)
    try:
        app()  # ends the process with the command's exit code: 2 for wrong usage, 130 when interrupted
    except CommandFailed as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()

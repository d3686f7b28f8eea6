"""`python -m tipoff_dev.stack.google_pubsub PORT`: Google's own emulator until SIGTERM or SIGINT."""

import signal
import sys
import threading
from typing import NoReturn

from gcp_emulators.pubsub.google import running


def _end(*_: object) -> NoReturn:
    """Raise where the process is, also while the emulator starts, so that its Java is ended on the way out."""
    sys.exit(0)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    with running(port=int(sys.argv[1])) as emulator:
        while emulator.poll() is None:
            threading.Event().wait(0.5)
    sys.exit("Google's emulator ended by itself")

"""`python -m tipoff_local.stack.google_pubsub PORT`: Google's own emulator until SIGTERM or SIGINT."""

import signal
import sys
import threading

from tipoff_local.pubsub.google_emulator import running

if __name__ == "__main__":
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with running(port=int(sys.argv[1])):
        stopped.wait()

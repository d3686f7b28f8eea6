"""The embedded object store: gcp-storage-emulator behind a server that enforces preconditions.

`python -m gcp_emulators.storage` serves Cloud Storage's JSON interface. As published, the emulator ignores
`ifGenerationMatch`, on which create-if-absent and with it all idempotency rests; serves one connection at a time;
and writes the metadata of all objects to disk on each change. Here each request is checked and carried out under
one lock, so that of two concurrent creations exactly one wins, connections are kept alive and served in parallel,
and each change is one line of a journal.

Who calls is not asked, and may do anything, unless rights on some buckets are taken away: by --no-list a missing object
is 403 and not 404, as Cloud Storage answers a caller without storage.objects.list; by --create-only an object that is
there can be neither replaced nor deleted, as without storage.objects.delete.

A change is acknowledged once it is in the operating system's hands, in one step: with --data-dir it survives the
process, SIGKILL included, but not the machine's power cut, as nothing is synced to the disk.

What stays different from the real service: listings are not paged.
"""

import argparse
import logging
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from gcp_emulators.storage.objects import ObjectStore
from gcp_emulators.storage.server import Rights, StorageHandler, StorageServer

EXIT_PORT_TAKEN = 98  # EADDRINUSE


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m gcp_emulators.storage", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9023, help="port (%(default)s)")
    parser.add_argument(
        "--no-list", action="append", default=[], metavar="BUCKET", help="a bucket that nobody may list"
    )
    parser.add_argument(
        "--create-only",
        action="append",
        default=[],
        metavar="BUCKET",
        help="a bucket in which nobody may replace or delete an object",
    )
    parser.add_argument("--data-dir", type=Path, help="keep the objects here (default: in memory)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in ("gcp_storage_emulator", "api.object", "api.bucket"):  # they report each 404 as an error
        logging.getLogger(name).setLevel(logging.CRITICAL)
    store = ObjectStore(options.data_dir)
    rights = Rights(frozenset(options.no_list), frozenset(options.create_only))
    try:
        server = StorageServer((options.host, options.port), partial(StorageHandler, store, rights))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {error}\n")
        return EXIT_PORT_TAKEN

    def stop(*_: Any) -> None:
        # shutdown() waits for serve_forever, which this very thread is in.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with server:
        server.serve_forever(poll_interval=0.1)
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

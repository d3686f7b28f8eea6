"""The embedded object store: gcp-storage-emulator behind a server that enforces preconditions.

`python -m gcp_emulators.storage` serves Cloud Storage's JSON interface. As published, the emulator ignores
`ifGenerationMatch`, on which create-if-absent and with it all idempotency rests; serves one connection at a time;
and writes the metadata of all objects to disk on each change. Here each request is checked and carried out in one step
of the event loop, so that of two concurrent creations exactly one wins, connections are kept alive, and each change is
one line of a journal.

Who calls is not asked, and may do anything, unless rights on some buckets are taken away: by --no-list a missing object
is 403 and not 404, as Cloud Storage answers a caller without storage.objects.list; by --create-only an object that is
there can be neither replaced nor deleted, as without storage.objects.delete.

A change is acknowledged once it is in the operating system's hands, in one step: with --data-dir it survives the
process, SIGKILL included, but not the machine's power cut, as nothing is synced to the disk.

What stays different from the real service: listings are not paged.
"""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from gcp_emulators.loop import run
from gcp_emulators.storage.objects import ObjectStore
from gcp_emulators.storage.server import Rights, StorageService
from gcp_emulators.storage.wire import HttpConnection

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
        run(serve(options.host, options.port, store, rights))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {error}\n")
        return EXIT_PORT_TAKEN
    finally:
        store.close()
    return 0


async def serve(host: str, port: int, store: ObjectStore, rights: Rights) -> None:
    """Serve until a signal asks to stop. Raises OSError when the port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = StorageService(store, rights, (host, port))
    server = await loop.create_server(lambda: HttpConnection(service), host, port, backlog=128)
    await stop.wait()
    # Open connections do not keep the process from ending.
    server.close()


if __name__ == "__main__":
    sys.exit(main())

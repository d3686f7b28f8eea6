"""The embedded object store: gcp-storage-emulator behind a server that enforces preconditions.

`python -m gcp_emulators.storage` serves Cloud Storage's JSON interface. As published, the emulator ignores
`ifGenerationMatch`, on which create-if-absent and with it all idempotency rests; serves one connection at a time;
and writes the metadata of all objects to disk on each change. Here each request is checked and carried out in one step
of the event loop, so that of two concurrent creations exactly one wins, connections are kept alive, and each change is
one line of a journal.

Who calls is told by the port. At --port a caller is an owner and may do anything. Each --caller is a further port to
the same objects, whose caller has the rights that are named and is refused all else with 403. Without the permission to
list, that is so of a missing object too (create-unlisted), as Cloud Storage does not tell such a caller what is not
there.

A change is acknowledged once it is in the operating system's hands, in one step: with --data-dir it survives the
process, SIGKILL included, but not the machine's power cut, as nothing is synced to the disk.

What stays different from the real service: listings are not paged.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gcp_emulators.loop import run
from gcp_emulators.storage.objects import ObjectStore
from gcp_emulators.storage.server import RIGHTS, Grants, StorageService
from gcp_emulators.storage.wire import HttpConnection

EXIT_PORT_TAKEN = 98  # EADDRINUSE


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m gcp_emulators.storage", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9023, help="port (%(default)s)")
    parser.add_argument(
        "--caller",
        action="append",
        default=[],
        type=_caller,
        metavar="PORT:BUCKET=RIGHT[,...]",
        help=f"a port of a caller who has only these rights: {', '.join(RIGHTS)}",
    )
    parser.add_argument("--data-dir", type=Path, help="keep the objects here (default: in memory)")
    return parser.parse_args(arguments)


def _caller(text: str) -> tuple[int, Grants]:
    """Read `PORT:BUCKET=RIGHT,...`. Raises ArgumentTypeError."""
    port, _, grants = text.partition(":")
    granted = dict(grant.split("=", 1) for grant in grants.split(",") if "=" in grant)
    if not port.isdecimal() or not granted or not set(granted.values()) <= RIGHTS.keys():
        raise argparse.ArgumentTypeError(
            f"{text!r}: write PORT:BUCKET=RIGHT, RIGHT one of {', '.join(RIGHTS)}"
        )
    return int(port), granted


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in ("gcp_storage_emulator", "api.object", "api.bucket"):  # they report each 404 as an error
        logging.getLogger(name).setLevel(logging.CRITICAL)
    store = ObjectStore(options.data_dir)
    callers: list[tuple[int, Grants | None]] = [(options.port, None), *options.caller]
    try:
        run(serve(options.host, callers, store))
    except OSError as error:
        ports = ", ".join(str(port) for port, _ in callers)
        sys.stderr.write(f"cannot listen on {options.host}:{ports}: {error}\n")
        return EXIT_PORT_TAKEN
    finally:
        store.close()
    return 0


async def serve(host: str, callers: Sequence[tuple[int, Grants | None]], store: ObjectStore) -> None:
    """Serve until a signal asks to stop.

    callers: each port, and what whoever calls there may do; None for an owner. Raises OSError when a port is taken.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = []
    for port, grants in callers:
        service = StorageService(store, grants, (host, port))
        servers.append(await loop.create_server(partial(HttpConnection, service), host, port, backlog=128))
    await stop.wait()
    for server in servers:
        # Open connections do not keep the process from ending.
        server.close()


if __name__ == "__main__":
    sys.exit(main())

"""The embedded object store: gcp-storage-emulator behind a server that enforces preconditions.

`python -m gcp_emulators.storage` serves Cloud Storage's JSON interface. As published, the emulator ignores
`ifGenerationMatch`, which create-if-absent and all idempotency need; serves one connection at a time; and writes the
metadata of all objects to disk on each change. This server checks and carries out each request in one step of the event
loop, so that exactly one of two concurrent creations succeeds. It keeps connections alive, and writes each change as
one line of a journal.

The port identifies the caller. At --port a caller is an owner with all rights. Each --caller is a further port to the
same objects, whose caller has only the named rights; other requests get 403. Without the permission to list
(create-unlisted), a read of a missing object gets 403 too, as in Cloud Storage.

A change is acknowledged after its write to the operating system: with --data-dir it survives the process, even SIGKILL,
but not a power cut of the machine, as there is no fsync.

Remaining difference from the real service: listings are not paged.
"""

import argparse
import logging
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from gcp_emulators.storage.objects import ObjectStore
from gcp_emulators.storage.server import RIGHTS, Grants, StorageService

EXIT_PORT_TAKEN = 98  # EADDRINUSE
KEEP_ALIVE_SECONDS = 24 * 3600


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
        help=f"port of a caller with only these rights: {', '.join(RIGHTS)}",
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
    for name in ("gcp_storage_emulator", "api.object", "api.bucket"):  # they log each 404 as an error
        logging.getLogger(name).setLevel(logging.CRITICAL)
    callers: dict[int, Grants | None] = {options.port: None, **dict(options.caller)}
    config = uvicorn.Config(
        # Built after the ports are bound: another emulator with these ports may have --data-dir open.
        lambda: StorageService(ObjectStore(options.data_dir), callers),
        factory=True,
        lifespan="off",
        log_level="warning",
        access_log=False,
        # Closing an idle connection could fail a request that is being sent on it.
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # Open connections do not keep the process from ending.
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # Before the ports listen, as a parent that waits for them may send a signal at once. The handler sets a flag and
    # raises no exception, which could be lost, for example during garbage collection. uvicorn sets the same handlers,
    # and at the end calls the previous ones, so that a signal is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        sockets = [socket.create_server((options.host, port)) for port in callers]
    except OSError as error:
        ports = ", ".join(map(str, callers))
        sys.stderr.write(f"cannot listen on {options.host}:{ports}: {error}\n")
        return EXIT_PORT_TAKEN
    server.run(sockets)
    return 0


if __name__ == "__main__":
    sys.exit(main())

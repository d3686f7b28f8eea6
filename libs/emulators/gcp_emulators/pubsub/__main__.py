"""`python -m gcp_emulators.pubsub`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from gcp_emulators.loop import run
from gcp_emulators.pubsub.server import serving

_log = logging.getLogger("gcp_emulators.pubsub")


async def _serve(host: str, port: int, admin_port: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(host, port, admin_port):
        await stop.wait()


def main() -> None:
    """Read the command line and serve. Exits with 1 when a port is taken."""
    parser = argparse.ArgumentParser(
        prog="python -m gcp_emulators.pubsub", description="An in-memory Pub/Sub server."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8085, help="gRPC port; 0 takes a free one (default 8085)")
    parser.add_argument("--admin-port", type=int, default=None, help="HTTP port for /backlog and /healthz")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    arguments = parser.parse_args()
    logging.basicConfig(level=arguments.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        run(_serve(arguments.host, arguments.port, arguments.admin_port))
    except (OSError, RuntimeError) as error:
        _log.error("cannot serve: %s", error)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()

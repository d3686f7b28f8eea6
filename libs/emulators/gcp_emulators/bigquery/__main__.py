"""`python -m gcp_emulators.bigquery`: serve the embedded warehouse until SIGTERM or SIGINT."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcp_emulators.bigquery.text_cache import default_folder
from gcp_emulators.testing import is_free

if TYPE_CHECKING:
    from bqemulator.config import Settings

EXIT_PORT_TAKEN = 98  # EADDRINUSE
GRACE_SECONDS = 0.3
GC_THRESHOLDS = (50_000, 20, 50)
"""New objects before a run of the garbage collector. Parsing one statement creates thousands and leaves few: at
Python's default of 700 the collector takes a tenth of the CPU time."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m gcp_emulators.bigquery", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=9050, help="REST port (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=9060, help="Storage API port (%(default)s)")
    parser.add_argument(
        "--project", default="local-project", help="project of unqualified names (%(default)s)"
    )
    parser.add_argument("--data-dir", type=Path, help="keep the data here (default: in memory)")
    parser.add_argument(
        "--storage-url", help="object store that extract jobs write to, such as http://127.0.0.1:9023"
    )
    parser.add_argument(
        "--cache-dir",
        type=Path,
        default=default_folder(),
        help="keep translated SQL here for the next start (%(default)s)",
    )
    parser.add_argument(
        "--no-cache", dest="cache_dir", action="store_const", const=None, help="keep no translated SQL"
    )
    return parser.parse_args(arguments)


def emulator_settings(options: argparse.Namespace) -> "Settings":
    """Return the emulator's settings: warnings only, no extensions that would have to be downloaded."""
    # Imported here and below, so that --help and a taken port are reported without the slow import.
    from bqemulator.config import LogFormat, LogLevel, PersistenceMode, Settings

    is_persistent = options.data_dir is not None
    return Settings(
        rest_host=options.host,
        rest_port=options.port,
        grpc_host=options.host,
        grpc_port=options.grpc_port,
        default_project_id=options.project,
        persistence_mode=PersistenceMode.PERSISTENT if is_persistent else PersistenceMode.EPHEMERAL,
        data_dir=options.data_dir,
        enable_format_extensions=False,
        log_level=LogLevel.WARNING,
        log_format=LogFormat.JSON,
    )


async def serve(settings: "Settings", storage_url: str | None = None, cache_dir: Path | None = None) -> None:
    """Repair the emulator and serve until SIGTERM or SIGINT."""
    # Imported here because the emulator logs during its import, and `main` has configured logging by now.
    from bqemulator.server import EmulatorServer

    from gcp_emulators.bigquery.repairs import apply_all

    apply_all(storage_url, cache_dir)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = EmulatorServer(settings)
    await server.start()
    await stop.wait()
    # asyncio logs each interrupted stream as an exception that was never retrieved.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # The server's own stop would wait two seconds for open append streams, which clients keep for hours.
    storage_api: Any = server._grpc_server
    await storage_api.stop(grace=GRACE_SECONDS)
    server._grpc_server = None
    await server.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the launcher; returns the exit code."""
    options = parse_arguments(arguments)
    gc.set_threshold(*GC_THRESHOLDS)
    for port in (options.port, options.grpc_port):
        if not is_free(port, options.host):
            sys.stderr.write(f"port {port} of {options.host} is taken\n")
            return EXIT_PORT_TAKEN
    from bqemulator.observability.logging_ import configure_logging

    settings = emulator_settings(options)
    configure_logging(level=settings.log_level, fmt=settings.log_format)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of every clause that DuckDB lacks
    asyncio.run(serve(settings, options.storage_url, options.cache_dir))
    return 0


if __name__ == "__main__":
    sys.exit(main())

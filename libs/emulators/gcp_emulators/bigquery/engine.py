"""Repairs of the emulator's start, its locking and its memory."""

import asyncio
import functools
import sys
import threading
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any

import bqemulator.api.routes.jobs as job_routes
import fastapi.dependencies.utils as fastapi_dependencies
import fastapi.routing as fastapi_routing
from bqemulator.domain.events import TableDataChanged
from bqemulator.grpc_api.read_servicer import BigQueryReadHandler
from bqemulator.grpc_api.write_servicer import BigQueryWriteHandler
from bqemulator.jobs import executor
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.versioning.snapshots import SnapshotManager

from gcp_emulators.bigquery.patches import replace

KEPT_RESULTS = 256
KEPT_RESULT_BYTES = 128 * 1024 * 1024

_WRITE_CALLS = (
    "_perform_append",
    "_bind_stream_to_target",
    "_handle_create_write_stream",
    "_handle_get_write_stream",
    "_handle_batch_commit_write_streams",
    "_handle_flush_rows",
)


def start_without_downloads() -> None:
    """Fault: start-up downloads DuckDB's spatial extension and fails without a network.

    No table here uses GEOGRAPHY, so the extension is not loaded (nor is avro, by a setting of the emulator).
    """
    replace(DuckDBEngine, "_load_spatial", lambda _: lambda _engine: None)


class _NoPandas(MetaPathFinder):
    """Makes an import of pandas fail as if it were not installed. pyarrow would use a None in sys.modules as the
    module."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse pandas, and leave every other module to the other finders."""
        if fullname == "pandas":
            raise ModuleNotFoundError(f"no {fullname} here", name=fullname)


def convert_without_pandas() -> None:
    """Fault: at the first insert pyarrow imports an installed pandas, only to check for pandas values: 0.3 s of CPU
    time."""
    sys.meta_path.insert(0, _NoPandas())


def keep_duckdb_on_one_thread() -> None:
    """Fault: REST and gRPC use one DuckDB connection from many threads and deadlock permanently.

    After the repair only the event loop's thread uses the connection: REST handlers run inline instead of in a thread
    pool, and gRPC handlers, which run in one, submit their work to the loop and wait.
    """
    loop, thread = asyncio.get_running_loop(), threading.get_ident()

    def on_loop_thread(function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a blocking function run on the loop's thread, from any calling thread."""

        @functools.wraps(function)
        def submitted(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == thread:
                return function(*args, **kwargs)
            return asyncio.run_coroutine_threadsafe(inline(function, *args, **kwargs), loop).result()

        return submitted

    async def inline(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    replace(fastapi_routing, "run_in_threadpool", lambda _: inline)
    replace(fastapi_dependencies, "run_in_threadpool", lambda _: inline)
    for name in _WRITE_CALLS:
        replace(BigQueryWriteHandler, name, on_loop_thread)
    replace(BigQueryReadHandler, "_handle_create_read_session", on_loop_thread)


def write_without_copies() -> None:
    """Fault: every write copies the whole table into a snapshot for time travel.

    The change is still announced, for materialized views; `FOR SYSTEM_TIME AS OF` no longer finds past states.
    """

    def announce_only(_: Any) -> Any:
        def record_change(self: Any, project_id: str, dataset_id: str, table_id: str) -> None:
            self._events.publish(TableDataChanged(project_id, dataset_id, table_id))

        return record_change

    replace(SnapshotManager, "record_change", announce_only)


class RecentResults(dict[str, Any]):
    """The most recent query results, by job.

    At most `most` results and about `most_bytes` bytes; the newest is kept at any size.
    """

    def __init__(self, schemas: dict[str, Any], most: int, most_bytes: int) -> None:
        super().__init__()
        self._schemas = schemas
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def __setitem__(self, job_id: str, table: Any) -> None:
        self.pop(job_id, None)
        super().__setitem__(job_id, table)
        self._bytes += table.nbytes
        while len(self) > 1 and (len(self) > self._most or self._bytes > self._most_bytes):
            oldest = next(iter(self))
            self.pop(oldest)
            self._schemas.pop(oldest, None)

    def pop(self, job_id: str, *default: Any) -> Any:
        """Remove one result; as dict.pop."""
        table = super().pop(job_id, *default)
        self._bytes -= getattr(table, "nbytes", 0)
        return table


def forget_old_results() -> None:
    """Fault: the result of every query stays in memory until the emulator ends."""
    results = RecentResults(executor.JOB_SCHEMAS, KEPT_RESULTS, KEPT_RESULT_BYTES)
    for module in (executor, job_routes):
        replace(module, "JOB_RESULTS", lambda _: results)

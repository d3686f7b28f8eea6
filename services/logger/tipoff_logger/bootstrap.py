"""The logger's wiring."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from tipoff_common.cloud import Cloud
from tipoff_common.ports import Row, Warehouse
from tipoff_common.push import PushEndpoint
from tipoff_logger.archive import Archive
from tipoff_logger.deps import Deps
from tipoff_logger.handlers import ACCEPTED
from tipoff_logger.row_commit import Append, Bounds, RowCommit
from tipoff_logger.settings import LoggerSettings


@dataclass(frozen=True)
class Wiring:
    """The application, its routers and the dependencies of its handlers, as `app` registers them."""

    app: FastAPI
    endpoint: PushEndpoint
    deps: Deps
    archive: Archive


def bootstrap(settings: LoggerSettings) -> Wiring:
    """Connect the logger to the cloud that its settings name."""
    cloud = Cloud("logger", settings)
    # A separate bucket if there is one: archived rows outlive the files, whose bucket has another lifecycle.
    archive = cloud.objects(settings.archive_bucket or settings.data_bucket)
    return Wiring(
        app=cloud.app(
            "Records: the only writer of the dataset.",
            needs=("warehouse", "state"),
            buckets={"archive": archive},
        ),
        endpoint=cloud.push_endpoint(ACCEPTED),
        deps=Deps(
            environment=settings.environment,
            commit=RowCommit(
                _in_a_thread(cloud.warehouse),
                Bounds(
                    settings.batch_rows,
                    settings.batch_bytes,
                    settings.batch_seconds,
                    settings.queue_rows,
                    settings.queue_bytes,
                    settings.queue_seconds,
                ),
                time.monotonic,
            ),
            publisher=cloud.publisher,
            state=cloud.state,
        ),
        archive=Archive(cloud.warehouse, archive),
    )


def _in_a_thread(warehouse: Warehouse) -> Append:
    async def append(table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        # BigQuery's client blocks: on the event loop, one append would block all other tables.
        await run_in_threadpool(warehouse.append, table, rows, row_ids)

    return append

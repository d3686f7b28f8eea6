"""The repair of extract jobs: `bq extract` and `Client.extract_table`."""

import asyncio
import re
import tempfile
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bqemulator.api.routes.jobs as job_routes
from bqemulator.catalog.etag import generate_etag
from bqemulator.catalog.models import JobMeta
from bqemulator.domain.errors import InvalidQueryError, NotFoundError
from bqemulator.jobs import executor
from bqemulator.storage.sql_identifiers import quoted_table_ref

from gcp_emulators.bigquery.patches import replace

_SECONDS = 30.0
_PARTITION = re.compile(r"(?P<table>[^$]+)\$(?P<day>\d{8})")
_DESTINATION = re.compile(r"gs://(?P<bucket>[^/]+)/(?P<name>.+)")
_FIRST_SHARD = "0" * 12
"""Replacement of `*` in a destination; one object holds every row here."""


def extract_to_storage(storage_url: str | None) -> None:
    """Fault: an extract job writes below a local folder that has to be set up, and cannot select a partition.

    The repaired job writes an object, as the real one does, to the object store at `storage_url`.
    """

    async def execute_extract_job(
        project_id: str, job_id: str, config: dict[str, Any], context: Any
    ) -> JobMeta:
        started = context.clock.now()
        given = config["extract"]
        bucket, name = _destination(given.get("destinationUris") or ())
        if storage_url is None:
            raise InvalidQueryError(
                "extract jobs write to Cloud Storage, but no object store is configured;"
                " start this warehouse with --storage-url"
            )
        rows = _relation(given.get("sourceTable", {}), project_id, context)
        kind = str(given.get("destinationFormat") or "CSV").upper()
        if kind not in executor._EXPORT_FORMATS:
            raise InvalidQueryError(f"Unknown destination format: {kind}")
        with tempfile.TemporaryDirectory(prefix="bigquery-extract-") as folder:
            file = Path(folder) / "rows"
            executor._copy_relation_to_file(
                rows,
                str(file),
                kind,
                context,
                header=bool(given.get("printHeader", True)),
                field_delimiter=given.get("fieldDelimiter"),
                compression=given.get("compression"),
            )
            # The engine's thread serves all requests, so the upload runs on another thread.
            await asyncio.to_thread(_upload, storage_url, bucket, name, file.read_bytes())
        return JobMeta(
            project_id=project_id,
            job_id=job_id,
            job_type="EXTRACT",
            state="DONE",
            configuration=config,
            statistics={"extract": {"destinationUriFileCounts": ["1"]}},
            creation_time=started,
            start_time=started,
            end_time=context.clock.now(),
            etag=generate_etag(project_id, job_id, str(started)),
        )

    for module in (executor, job_routes):
        replace(module, "execute_extract_job", lambda _: execute_extract_job)


def _destination(uris: Any) -> tuple[str, str]:
    """Return the bucket and the object's name that a job writes to."""
    found = _DESTINATION.fullmatch(uris[0]) if len(uris) == 1 else None
    if found is None:
        raise InvalidQueryError("an extract job needs one destination of the form gs://BUCKET/OBJECT")
    return found["bucket"], found["name"].replace("*", _FIRST_SHARD)


def _relation(source: dict[str, Any], project_id: str, context: Any) -> str:
    """Return the statement that reads a table, or one day of it: `table$20241015`."""
    project, dataset = source.get("projectId", project_id), source.get("datasetId", "")
    named = source.get("tableId", "")
    partition = _PARTITION.fullmatch(named)
    name = partition["table"] if partition else named
    table = context.catalog.get_table(project, dataset, name)
    if table is None:
        raise NotFoundError(f"Not found: Table {project}:{dataset}.{name}")
    everything = f"SELECT * FROM {quoted_table_ref(project, dataset, name)}"  # noqa: S608  # quoted there
    if partition is None:
        return everything
    column = table.time_partitioning.field if table.time_partitioning else None
    if column is None or table.time_partitioning.type != "DAY":
        raise InvalidQueryError(f"{dataset}.{name} is not partitioned by the day of a column")
    try:
        day = datetime.strptime(partition["day"], "%Y%m%d").date()  # noqa: DTZ007  # a partition's name, no instant
    except ValueError as error:
        raise InvalidQueryError(f"{named} is not the partition of a day") from error
    kind = next(field.type for field in table.schema_.fields if field.name == column)
    if kind == "DATE":
        return f"{everything} WHERE \"{column}\" = DATE '{day}'"
    # With an explicit offset: a TIMESTAMP's partition is its UTC day, independent of this machine's zone.
    start, end = (f"TIMESTAMPTZ '{at} 00:00:00+00'" for at in (day, day + timedelta(days=1)))
    return f'{everything} WHERE "{column}" >= {start} AND "{column}" < {end}'


def _upload(storage_url: str, bucket: str, name: str, body: bytes) -> None:
    """Write one object, replacing any of the same name. Raises an error of the job when the object store refuses it."""
    request = urllib.request.Request(  # noqa: S310  # the URL comes from the launcher's command line
        f"{storage_url.rstrip('/')}/upload/storage/v1/b/{quote(bucket, safe='')}/o"
        f"?uploadType=media&name={quote(name, safe='')}",
        data=body,
        headers={"Content-Type": "application/octet-stream"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise NotFoundError(f"Not found: Bucket {bucket}") from error
        raise InvalidQueryError(f"gs://{bucket}/{name} cannot be written: HTTP {error.code}") from error
    except OSError as error:
        raise InvalidQueryError(f"the object store at {storage_url} does not answer: {error}") from error

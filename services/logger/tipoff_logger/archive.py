"""Export of each day's rows on the next day: newline-delimited JSON by table, UTC day and number of rows.

    logs/<table>/<YYYY-MM-DD>/<rows>.json

Uploads are atomic, and no object is ever replaced or deleted: the service has no permission to. A partition whose rows
are all exported is skipped. A partition that grew since is exported again, as another object with more rows. The object
with the most rows is the day's archive, and it outlives the partition.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tipoff_common.events import TickFired
from tipoff_common.ports import DATASET, Objects, Row, Unavailable, Warehouse

log = logging.getLogger(__name__)

# Yesterday: a past UTC day gets few further rows, while today's partition would be exported twice every day.
EXPORTED_FROM_DAY = 1
"""The age in days at which a partition is exported: a lost dataset loses all rows that are not exported."""
# One page of a partition is in memory at a time.
PAGE_ROWS = 500
ROWS = "rows"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})/(\d+)\.json")

PARTITIONS: Mapping[str, str] = {
    "scraper_execution_log": "DATE(triggered_at)",
    "workflow_decisions": "DATE(decision_time)",
    "daily_expected_schedule": "date",
    "cleanup_operations": "DATE(cleanup_time)",
    "file_receipts": "DATE(processed_at)",
    "dead_letters": "DATE(rejected_at)",
    "alert_events": "DATE(changed_at)",
    "pause_events": "DATE(changed_at)",
}
"""The partitioning expression of each table."""


@dataclass(frozen=True)
class Archive:
    """The warehouse to export from and the bucket to export to."""

    warehouse: Warehouse
    bucket: Objects


def archive_partitions(event: TickFired, archive: Archive, now: datetime) -> None:
    """Export the partitions that are old enough and not exported yet; continue after a failed one.

    Logs "archive complete" only when the archive has at least the counted rows of every such partition.

    Raises:
        Unavailable: naming each partition that could not be archived; Pub/Sub has to redeliver the tick.
    """
    # UTC days, as the tables are partitioned by them.
    last = (event.event_time or now).date() - timedelta(days=EXPORTED_FROM_DAY)
    faults: list[str] = []
    partitions = rows_counted = written = 0
    for table in PARTITIONS:
        try:
            found = _partitions(table, last, archive.warehouse)
            # Both are read at each tick, so no record of past exports is needed.
            archived = _archived(table, archive.bucket)
        # A failed table must not keep the others from being archived.
        except Unavailable as error:
            faults.append(f"{table}: {error}")
            continue
        for day, rows in found.items():
            try:
                written += _write_unless_archived(table, day, rows, archived.get(day), archive)
                partitions, rows_counted = partitions + 1, rows_counted + rows
            except Unavailable as error:
                faults.append(f"{table} of {day}: {error}")
    if faults:
        raise Unavailable(f"not archived: {'; '.join(faults)}")
    log.info(
        "archive complete",
        extra={"last_day": last, "partitions": partitions, "rows": rows_counted, "written": written},
    )


def object_name(table: str, day: date, rows: int) -> str:
    """Return the name of the archive object of a table's day with this many rows."""
    # Padded, so that the names of a day sort by their number of rows.
    return f"{_folder(table)}{day.isoformat()}/{rows:09d}.json"


def _folder(table: str) -> str:
    return f"logs/{table}/"


def is_to_be_written(rows: int, archived: int | None) -> bool:
    """Return whether a day's partition has more rows than `archived`, its largest object; None without an object."""
    return archived is None or rows > archived


def json_lines(rows: Sequence[Row]) -> bytes:
    """Encode rows as lines for `bq load --source_format=NEWLINE_DELIMITED_JSON`: instants and dates in ISO 8601, JSON
    columns as JSON, NULL left out."""
    return b"".join(_line(row) for row in rows)


def _line(row: Row) -> bytes:
    present = {name: value for name, value in row.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"), default=_text).encode() + b"\n"


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    # Fail instead of guessing a format: BigQuery could not load the value back.
    raise TypeError(f"a {type(value).__name__} cannot be exported as JSON")


def _partitions(table: str, last: date, warehouse: Warehouse) -> dict[date, int]:
    """Count the rows of each day up to `last`."""
    day = PARTITIONS[table]
    sql = f"""
        SELECT {day} AS day, COUNT(*) AS row_count FROM {DATASET}.{table} WHERE {day} <= @last GROUP BY day ORDER BY day
    """  # noqa: S608 - names of our own
    return {row["day"]: row["row_count"] for row in warehouse.query(sql, {"last": last})}


def _archived(table: str, bucket: Objects) -> dict[date, int]:
    """Return the archived rows of each day, from the names of a table's objects. Raises Unavailable."""
    archived: dict[date, int] = {}
    for info in bucket.list(_folder(table)):
        found = _NAME.fullmatch(info.name.removeprefix(_folder(table)))
        try:
            day = date.fromisoformat(found[1]) if found else None
        except ValueError:
            continue  # digits, but no date
        if found and day:
            # The name has the number of rows, so no object has to be read.
            archived[day] = max(archived.get(day, 0), int(found[2]))
    return archived


def _write_unless_archived(table: str, day: date, rows: int, archived: int | None, archive: Archive) -> bool:
    """Write the object of a day unless its rows are archived; return whether it was written. Raises Unavailable."""
    name = object_name(table, day, rows)
    extra = {"table": table, "day": day, "rows": rows, "object": f"gs://{archive.bucket.bucket}/{name}"}
    # Never write fewer rows than the archive has: partitions grow by late rows, and then expire.
    if not is_to_be_written(rows, archived):
        if rows != archived:
            log.warning(
                "the archive holds more rows than the partition", extra={**extra, "archived": archived}
            )
        return False
    content = _Content(table, day, rows, archive.warehouse)
    archive.bucket.put_chunks(
        name, content.chunks(), content_type="application/x-ndjson", metadata={ROWS: str(rows)}
    )
    stored = archive.bucket.info(name)
    # Verify the size: a broken upload might leave a shorter object.
    if stored is None or stored.size != content.size:
        raise Unavailable(f"{name} holds {stored.size if stored else 'no'} bytes, not {content.size}")
    log.info("archived", extra={**extra, "bytes": content.size, "before": archived})
    return True


@dataclass
class _Content:
    """The object of a partition."""

    table: str
    day: date
    rows: int
    """The number of rows counted in the partition."""
    warehouse: Warehouse
    size: int = 0
    """Bytes yielded so far."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the rows as lines. Raises Unavailable at the end, which aborts the upload, when the count differs."""
        sql = f"""
            SELECT * FROM {DATASET}.{self.table} WHERE {PARTITIONS[self.table]} = @day ORDER BY created_at, event_id
        """  # noqa: S608 - names of our own
        read = 0
        for page in self.warehouse.pages(sql, {"day": self.day}, PAGE_ROWS):
            read += len(page)
            chunk = json_lines(page)
            self.size += len(chunk)
            yield chunk
        # Rows arrived after the count; the redelivered tick counts again.
        if read != self.rows:
            raise Unavailable(f"read {read} rows, but counted {self.rows}")

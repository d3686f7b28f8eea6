"""Export the rows of each day on the day after: newline-delimited JSON by table, UTC day and number of rows.

    logs/<table>/<YYYY-MM-DD>/<rows>.json

An object is there only when it is whole, and none is ever replaced or deleted: the service has no right to. A partition
whose rows have all been exported is not exported again; one that grew since is, as a further object of more rows. The
object of the most rows is the day's, and it outlives its partition.
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

# Yesterday's: a UTC day that is over gets few rows more, and today's would be exported again every day.
EXPORTED_FROM_DAY = 1
"""The age in days at which a partition is exported: rows that are only in the dataset are lost with it."""
# A partition of any size goes through memory a page at a time.
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
"""Each table with what it is partitioned by."""


@dataclass(frozen=True)
class Archive:
    """The warehouse to export from and the bucket to export to."""

    warehouse: Warehouse
    bucket: Objects


def archive_partitions(event: TickFired, archive: Archive, now: datetime) -> None:
    """Export what is old enough and not exported yet; what fails does not keep the rest from it.

    Says "archive complete" only when an object holds as many rows as were counted, or more, of every such partition.

    Raises:
        Unavailable: naming each partition that is not in the bucket; the tick is to be delivered again.
    """
    # UTC days, as the tables are partitioned by them.
    last = (event.event_time or now).date() - timedelta(days=EXPORTED_FROM_DAY)
    faults: list[str] = []
    partitions = rows_counted = written = 0
    for table in PARTITIONS:
        try:
            found = _partitions(table, last, archive.warehouse)
            # Both are read anew at each tick, so nothing has to be remembered of what was exported.
            archived = _archived(table, archive.bucket)
        # One table that fails must not keep the other seven from being archived.
        except Unavailable as error:
            faults.append(f"{table}: {error}")
            continue
        for day, rows in found.items():
            try:
                written += _keep(table, day, rows, archived.get(day), archive)
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
    """Name the archived object of a table's day with this many rows."""
    # Padded, so that the names of a day sort by their number of rows.
    return f"{_folder(table)}{day.isoformat()}/{rows:09d}.json"


def _folder(table: str) -> str:
    return f"logs/{table}/"


def is_to_be_written(rows: int, archived: int | None) -> bool:
    """Compare with `archived`, the rows of the day's largest object; None when it has none."""
    return archived is None or rows > archived


def json_lines(rows: Sequence[Row]) -> bytes:
    """Write each row as a line, as `bq load --source_format=NEWLINE_DELIMITED_JSON` reads it: instants and dates in
    ISO 8601, JSON columns as JSON, NULL left out."""
    return b"".join(_line(row) for row in rows)


def _line(row: Row) -> bytes:
    present = {name: value for name, value in row.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"), default=_text).encode() + b"\n"


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    # Loud, as a value that is written in some way or other cannot be loaded back.
    raise TypeError(f"no JSON for a {type(value).__name__}")


def _partitions(table: str, last: date, warehouse: Warehouse) -> dict[date, int]:
    """Count the rows of each day up to `last`."""
    day = PARTITIONS[table]
    sql = f"""
        SELECT {day} AS day, COUNT(*) AS row_count FROM {DATASET}.{table} WHERE {day} <= @last GROUP BY day ORDER BY day
    """  # noqa: S608 - names of our own
    return {row["day"]: row["row_count"] for row in warehouse.query(sql, {"last": last})}


def _archived(table: str, bucket: Objects) -> dict[date, int]:
    """Read from the names of a table's objects how many rows of each day are archived. Raises Unavailable."""
    archived: dict[date, int] = {}
    for info in bucket.list(_folder(table)):
        if found := _NAME.fullmatch(info.name.removeprefix(_folder(table))):
            # The rows are in the name, so nothing has to be opened to know what is there.
            day = date.fromisoformat(found[1])
            archived[day] = max(archived.get(day, 0), int(found[2]))
    return archived


def _keep(table: str, day: date, rows: int, archived: int | None, archive: Archive) -> bool:
    """Write the object of a day unless it is archived, and return whether it had to be. Raises Unavailable."""
    name = object_name(table, day, rows)
    extra = {"table": table, "day": day, "rows": rows, "object": f"gs://{archive.bucket.bucket}/{name}"}
    # Never fewer rows than before: partitions expire, and late rows make them grow.
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
    # The only proof that the object is whole: an upload that broke off may leave a shorter one.
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
    """How many the partition has."""
    warehouse: Warehouse
    size: int = 0
    """Bytes yielded so far."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the rows as lines; raises Unavailable before the end when they are not as many as were counted."""
        sql = f"""
            SELECT * FROM {DATASET}.{self.table} WHERE {PARTITIONS[self.table]} = @day ORDER BY created_at, event_id
        """  # noqa: S608 - names of our own
        read = 0
        for page in self.warehouse.pages(sql, {"day": self.day}, PAGE_ROWS):
            read += len(page)
            chunk = json_lines(page)
            self.size += len(chunk)
            yield chunk
        # Rows that came in between; the tick is delivered again and counts anew.
        if read != self.rows:
            raise Unavailable(f"{read} rows were read and {self.rows} counted")

"""Loading a landed file into its table of `nba_raw`, once however often the file is announced."""

import json
import re
import threading
from datetime import datetime

from tipoff_common import files
from tipoff_common.events import FileLanded
from tipoff_common.identity import content_hash
from tipoff_common.ports import BatchRefused, Objects, Parameter, RowsRefused, Warehouse

DATASET = "nba_raw"
_BATCH_ROWS = 500
_SCRAPER = re.compile(r"[a-z][a-z0-9_]{0,99}")

_TABLE = """
CREATE TABLE IF NOT EXISTS nba_raw.{table} (
  gcs_path STRING NOT NULL OPTIONS(description='File that the record was read from.'),
  game_date DATE NOT NULL OPTIONS(description='New York business date that the file is about.'),
  record_index INT64 NOT NULL OPTIONS(description='Place of the record in its file, from 0.'),
  record JSON OPTIONS(description='The record as the scraper wrote it.'),
  loaded_at TIMESTAMP NOT NULL OPTIONS(description='Instant of the load; of the event when a day is replayed.')
)
PARTITION BY game_date
CLUSTER BY gcs_path
"""
_LOADED = "SELECT record_index FROM nba_raw.{table} WHERE game_date = @game_date AND gcs_path = @gcs_path"


class NotLoadable(Exception):
    """The file can never be loaded as announced; the message gives the reason."""


class Loader:
    """A loader of one file at a time, so that a second delivery finds the rows of the first."""

    def __init__(self, data: Objects, warehouse: Warehouse) -> None:
        self._data, self._warehouse = data, warehouse
        self._lock = threading.Lock()

    def load(self, landed: FileLanded, loaded_at: datetime) -> int:
        """Append the file's missing records to its table; return the number of records in the file.

        Raises:
            NotLoadable: the file can never be loaded as announced.
            Unavailable: some records may be in the table; loading again adds the others.
        """
        name = object_name(landed, self._data.bucket)
        records = self._records(landed, name)
        rows = [
            {
                "gcs_path": landed.gcs_path,
                "game_date": landed.game_date,
                "record_index": index,
                "record": record,
                "loaded_at": loaded_at,
            }
            for index, record in enumerate(records)
        ]
        table = landed.scraper_name
        with self._lock:
            self._warehouse.query(f"CREATE SCHEMA IF NOT EXISTS {DATASET}", {})
            self._warehouse.query(_TABLE.format(table=table), {})
            key: dict[str, Parameter] = {"game_date": landed.game_date, "gcs_path": landed.gcs_path}
            present = {row["record_index"] for row in self._warehouse.query(_LOADED.format(table=table), key)}
            absent = [row for row in rows if row["record_index"] not in present]
            for start in range(0, len(absent), _BATCH_ROWS):
                batch = absent[start : start + _BATCH_ROWS]
                ids = [f"{landed.content_sha256} {row['record_index']}" for row in batch]
                try:
                    self._warehouse.append(table, batch, ids)
                except (RowsRefused, BatchRefused) as refused:
                    raise NotLoadable(str(refused)) from refused
        return len(rows)

    def _records(self, landed: FileLanded, name: str) -> list[object]:
        body = self._data.get(name)
        if body is None:
            raise NotLoadable(f"there is no object {landed.gcs_path}")
        if content_hash(body) != landed.content_sha256:
            raise NotLoadable(f"the content of {landed.gcs_path} differs from its announcement")
        records: list[object] = json.loads(body)["records"]
        if len(records) != landed.record_count:
            raise NotLoadable(f"{len(records)} records where {landed.record_count} were announced")
        return records


def object_name(landed: FileLanded, bucket: str) -> str:
    """Return the announced object's name within `bucket`. Raises NotLoadable.

    The table's name is checked as well, since the message determines both.
    """
    if not landed.gcs_path.startswith(f"gs://{bucket}/"):
        raise NotLoadable(f"{landed.gcs_path!r} is not in gs://{bucket}/")
    name = files.object_name(landed.gcs_path, bucket)
    if name is None:
        raise NotLoadable(f"{landed.gcs_path!r} is not a path that a scraper writes to")
    if not _SCRAPER.fullmatch(landed.scraper_name):
        raise NotLoadable(f"scraper_name {landed.scraper_name!r} is not a table name")
    return name

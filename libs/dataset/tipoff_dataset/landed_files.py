"""Landed files with their history from the dataset: the executions that wrote them, their receipts, and the cleanups
that found them missing. Every query has bounds by day, so that BigQuery reads only those partitions."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tipoff_common.execution_row import ExecutionRow
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_common.ports import Parameter, Warehouse

if TYPE_CHECKING:
    from tipoff_common.events import FileLanded

T = TypeVar("T")
_HASH = re.compile(r"[0-9a-f]{4,64}")
_HASH_IN_NAME = 16
"""Digits of the content's hash in a file's name."""

_EXECUTIONS = """
SELECT gcs_path, execution_id, scraper_name, workflow, game_date, status, source, triggered_at, completed_at,
  SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS records,
  JSON_VALUE(data_summary, '$.content_sha256') AS content_sha256,
  JSON_VALUE(data_summary, '$.parsed_again') IS NOT NULL AS is_parsed_again
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN DATE(@since) AND DATE(@as_of) AND triggered_at <= @as_of
  AND environment = @environment AND status = 'success' AND gcs_path IS NOT NULL
  AND (@path IN ('', gcs_path) OR (@hash != '' AND STARTS_WITH(REGEXP_EXTRACT(gcs_path, r'[^/]*$'), @hash)))
QUALIFY ROW_NUMBER() OVER (PARTITION BY execution_id ORDER BY created_at DESC) = 1
ORDER BY completed_at, execution_id
"""

_RECEIPTS = """
SELECT gcs_path, processor, processed_at, row_count, event_id
FROM nba_orchestration.file_receipts
WHERE DATE(processed_at) BETWEEN DATE(@since) AND DATE(@as_of) AND processed_at <= @as_of
  AND environment = @environment
  AND (@path IN ('', gcs_path) OR (@hash != '' AND STARTS_WITH(REGEXP_EXTRACT(gcs_path, r'[^/]*$'), @hash)))
QUALIFY ROW_NUMBER() OVER (PARTITION BY gcs_path, processor ORDER BY created_at DESC) = 1
ORDER BY processed_at, processor
"""

_SIGHTINGS = """
SELECT DISTINCT missing.gcs_path AS gcs_path, cleanup_id, cleanup_time, missing.age_minutes AS age_minutes,
  missing.republished AS republished
FROM nba_orchestration.cleanup_operations, UNNEST(missing_files) AS missing
WHERE DATE(cleanup_time) BETWEEN DATE(@since) AND DATE(@as_of) AND cleanup_time <= @as_of
  AND environment = @environment
ORDER BY cleanup_time
"""

_FINDINGS = """
SELECT DISTINCT finding.gcs_path AS gcs_path, cleanup_time, finding.kind AS kind, finding.detail AS detail
FROM nba_orchestration.cleanup_operations, UNNEST(findings) AS finding
WHERE DATE(cleanup_time) BETWEEN DATE(@since) AND DATE(@as_of) AND cleanup_time <= @as_of
  AND environment = @environment
ORDER BY cleanup_time, kind
"""

_LATEST_CLEANUP = """
SELECT cleanup_time, pubsub_enabled, errors, COALESCE(storm_guard, FALSE) AS storm_guard,
  lost_after_hours, max_republishes
FROM nba_orchestration.cleanup_operations
WHERE DATE(cleanup_time) BETWEEN DATE(@since) AND DATE(@as_of) AND cleanup_time <= @as_of
  AND environment = @environment
ORDER BY cleanup_time DESC, created_at DESC
LIMIT 1
"""

_ANNOUNCED = {"game_date": "game_date", "record_count": "records", "content_sha256": "content_sha256"}
"""Facts of the execution in an announcement: the attribute of ExecutionRow, by the field of the event."""


@dataclass(frozen=True)
class LogWindow:
    """The instants that bound the queries."""

    since: datetime
    """Earlier rows are left out."""
    as_of: datetime
    """Later rows are left out, for the state of knowledge at this instant."""


@dataclass(frozen=True)
class StatedFinding:
    """Another finding of a cleanup about the file: given_up, object_missing and others, see
    cleanup_operations.findings."""

    gcs_path: str
    cleanup_time: datetime
    kind: str
    detail: str


@dataclass(frozen=True)
class LandedFile:
    """One path."""

    gcs_path: str
    wrote: Sequence[ExecutionRow] = ()
    """The executions that wrote it, in the order of time: fetching the same content again gives the same file. Empty
    when only its receipt is known."""
    receipts: Sequence[ReceiptRow] = ()
    sightings: Sequence[SightingRow] = ()
    findings: Sequence[StatedFinding] = ()

    def latest(self, kind: str) -> StatedFinding | None:
        """Return the newest finding of a kind; None when there is none."""
        return next((item for item in reversed(self.findings) if item.kind == kind), None)


@dataclass(frozen=True)
class LatestCleanup:
    """The latest cleanup of the window."""

    cleanup_time: datetime
    pubsub_enabled: bool
    errors: Sequence[str]
    storm_guard: bool = False
    lost_after_hours: int | None = None
    """The limit that the cleanup used; None in a row of an older version."""
    max_republishes: int | None = None


class NotAnnounceable(Exception):
    """The file cannot be announced; the message has the reason."""


def announcement(file: LandedFile, at: datetime) -> "FileLanded":
    """Build the event that announces the file to Phase 2 again, with the original facts, as a person's at an instant.

    Raises:
        NotAnnounceable
    """
    from pydantic import ValidationError

    from tipoff_common.executions import build_file_landed

    if not file.wrote:
        raise NotAnnounceable("no known execution wrote it; look further back with --since")
    first = file.wrote[0]
    # Cleanup's next republish has the same number; `announced_at` makes this announcement a separate event.
    again = sum(sighting.republished for sighting in file.sightings) + 1
    lacking = [name for name, column in _ANNOUNCED.items() if getattr(first, column) is None]
    # Written out for the type checker: these are None in rows of older versions.
    if first.game_date is None or first.records is None or first.content_sha256 is None:
        raise NotAnnounceable(_missing_facts(lacking))
    try:
        return build_file_landed(
            gcs_path=file.gcs_path,
            scraper_name=first.scraper_name,
            workflow=first.workflow or "MANUAL",
            game_date=first.game_date,
            execution_id=first.execution_id,
            record_count=first.records,
            content_sha256=first.content_sha256,
            landed_at=first.ended_at,
            event_time=None,
            recovered=True,
            republish=again,
            announced_at=at,
        )
    except ValidationError as error:
        raise NotAnnounceable(_missing_facts(str(item["loc"][0]) for item in error.errors())) from error


def _missing_facts(names: Iterable[str]) -> str:
    return f"its execution's row lacks {', '.join(names)}; fetch it again with `tipoff backfill`"


class NoFileNamed(Exception):
    """The given text names no file; the message has the remedy."""


@dataclass(frozen=True)
class FileSelector:
    """A selection of files: one path, all files whose content hash has a prefix, or every file."""

    path: str = ""
    hash: str = ""

    @classmethod
    def read(cls, text: str) -> "FileSelector":
        """Parse a command's argument: a gs:// path, or the first digits of a content hash. Raises NoFileNamed."""
        if text.startswith("gs://"):
            return cls(path=text)
        if _HASH.fullmatch(text.lower()):
            # No path is "-", so only the hash selects; file names have only its first digits.
            return cls(path="-", hash=text.lower()[:_HASH_IN_NAME])
        raise NoFileNamed(
            f"'{text}' names no file; use its gs:// path, or the first digits of its content hash (four at least)"
        )


EVERY = FileSelector()


class Files:
    """One environment's files. Every method raises Unavailable."""

    def __init__(self, warehouse: Warehouse, environment: str, window: LogWindow) -> None:
        self._warehouse, self._environment, self._window = warehouse, environment, window

    def find(self, selector: FileSelector) -> list[LandedFile]:
        """Return the selected files, by path, including files that only a receipt in the window names."""
        named = {"path": selector.path, "hash": selector.hash}
        wrote = _by_path(ExecutionRow, self._rows(_EXECUTIONS, **named))
        receipts = _by_path(ReceiptRow, self._rows(_RECEIPTS, **named))
        sightings, findings = (
            _by_path(SightingRow, self._rows(_SIGHTINGS)),
            _by_path(StatedFinding, self._rows(_FINDINGS)),
        )
        return [
            LandedFile(
                path,
                wrote.get(path, ()),
                receipts.get(path, ()),
                sightings.get(path, ()),
                findings.get(path, ()),
            )
            # A receipt without an execution makes a file too, so that the operator sees the fault.
            for path in sorted({*wrote, *receipts})
        ]

    def latest_cleanup(self) -> LatestCleanup | None:
        """Query the newest row of cleanup; None without any."""
        return next((LatestCleanup(**row) for row in self._rows(_LATEST_CLEANUP)), None)

    def _rows(self, sql: str, **parameters: Parameter) -> list[dict[str, Any]]:
        since, as_of = self._window.since, self._window.as_of
        given = {"since": since, "as_of": as_of, "environment": self._environment, **parameters}
        return self._warehouse.query(sql, given)


def _by_path(kind: Callable[..., T], rows: Iterable[dict[str, Any]]) -> Mapping[str, list[T]]:
    found: dict[str, list[T]] = {}
    for row in rows:
        found.setdefault(row["gcs_path"], []).append(kind(**row))
    return found

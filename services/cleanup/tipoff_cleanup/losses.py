"""Which landed files are lost: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True)
class Landed:
    """A file that a scrape wrote and announced."""

    gcs_path: str
    scraper_name: str
    workflow: str
    game_date: date
    execution_id: str
    record_count: int
    content_sha256: str
    landed_at: datetime


def without_receipt(landed: Iterable[Landed], receipts: Mapping[str, datetime]) -> list[Landed]:
    """Files that Phase 2 has not acknowledged, oldest first. `receipts`: when each path was processed."""
    return sorted((file for file in landed if file.gcs_path not in receipts), key=lambda file: file.landed_at)


def lost(
    landed: Iterable[Landed], receipts: Mapping[str, datetime], now: datetime, lost_after: timedelta
) -> list[Landed]:
    """Files that will not be processed unless announced again.

    A file is lost when one that landed later has its receipt, or after `lost_after`; before that Phase 2 is merely
    behind. Without any receipt there is nothing to compare with, and nothing is lost.
    """
    files = list(landed)
    if not receipts:
        return []
    processed = [file.landed_at for file in files if file.gcs_path in receipts]
    newest_processed = max(processed, default=None)
    return [
        file
        for file in without_receipt(files, receipts)
        if (newest_processed is not None and file.landed_at < newest_processed)
        or now - file.landed_at >= lost_after
    ]

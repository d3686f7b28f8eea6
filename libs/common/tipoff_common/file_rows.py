"""Rows about a landed file as read from the dataset; rows.py builds the rows to write."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class ReceiptRow:
    """A receipt of the file."""

    gcs_path: str
    processor: str
    processed_at: datetime
    row_count: int | None
    event_id: str


@dataclass(frozen=True)
class SightingRow:
    """A cleanup that found the file without its receipt."""

    gcs_path: str
    cleanup_id: str
    cleanup_time: datetime
    age_minutes: int | None
    republished: bool

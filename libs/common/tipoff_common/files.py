"""Files of records in the data bucket: their names, their metadata and their journal.

    <output of the scraper>/<first 16 digits of the content's SHA-256>.json   the records
    raw/<output of the scraper>/<the same of the payload>.<suffix>            the payload that was parsed
    journal/<hour>/<minute and second>/<name of a file of records>            empty; written before that file

Names consist of few characters only, so that most foreign paths are recognised by their form. Cloud Storage lists
objects by name only; the journal makes files listable by the time of writing.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tipoff_common.ports import ObjectInfo

RAW = "raw"
JOURNAL = "journal"
RESERVED = frozenset({RAW, JOURNAL})
"""Top-level folders that no scraper's output may use."""

FETCHED_AT = "fetched-at"
"""Metadata key: when the data was fetched from the source."""
EXECUTION_ID = "execution-id"
REQUEST = "request"
"""The request, as JSON, with the declared parameters only."""
FAN_OUT = "fan-out-keys"
"""The execution's `fan_out_keys`, as JSON."""

_MAX_NAME_CHARACTERS = 990
"""Characters of a name; Cloud Storage allows 1024 bytes, and a journal entry is a little longer than the name."""
_SEGMENT = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def fetched_at(info: ObjectInfo) -> datetime:
    """Return the instant of an object's newest fetch, in UTC; its last update where the metadata has no instant."""
    try:
        return datetime.fromisoformat(info.metadata[FETCHED_AT]).astimezone(UTC)
    # An operator may have written the object or its metadata.
    except (KeyError, ValueError, OverflowError):
        return info.updated


def object_name(gcs_path: str, bucket: str) -> str | None:
    """Return the object in `bucket` that a path names; None when no runner writes to such a path: another bucket, too
    long, or a segment that `is_segment` refuses."""
    prefix = f"gs://{bucket}/"
    name = gcs_path.removeprefix(prefix)
    if not gcs_path.startswith(prefix):
        return None
    if len(name) > _MAX_NAME_CHARACTERS:
        return None
    return name if all(map(is_segment, name.split("/"))) else None


def is_segment(text: str) -> bool:
    """Return whether `text` may be one part of a name: letters, digits, "_", "." and "-", but not only dots."""
    return _SEGMENT.fullmatch(text) is not None and bool(text.strip("."))


class JournalEntry(NamedTuple):
    """An entry of the journal: the name of a file about to be written, and the second of the entry."""

    at: datetime
    name: str


def journal_entry(name: str, at: datetime) -> str:
    """Return the name of the journal's object for `name`, to be written before that file."""
    return f"{_hour(at)}{at.astimezone(UTC):%M%S}/{name}"


def journal_hours(since: datetime, until: datetime) -> list[str]:
    """List the prefixes of the journal's entries between two instants, an hour each, oldest first."""
    first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [
        _hour(first + timedelta(hours=place)) for place in range((until - first) // timedelta(hours=1) + 1)
    ]


def read_journal_entry(entry: str) -> JournalEntry | None:
    """Parse the name of a journal entry; None when the object is no such entry."""
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return None
    try:
        at = datetime.strptime(f"{found[1]}{found[2]}", "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return JournalEntry(at, found[3])


_ENTRY = re.compile(rf"{JOURNAL}/(\d{{4}}-\d\d-\d\dT\d\d)/(\d{{4}})/(.+)", re.ASCII)


def _hour(at: datetime) -> str:
    return f"{JOURNAL}/{at.astimezone(UTC):%Y-%m-%dT%H}/"

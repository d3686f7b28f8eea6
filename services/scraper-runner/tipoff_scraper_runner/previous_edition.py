"""The previous landed edition of a list, for scrapers that compare the current one with it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from tipoff_common.catalog import ScraperSpec
from tipoff_common.files import FETCHED_AT, fetched_at
from tipoff_common.ports import ObjectInfo, Objects

LOOK_BACK_DAYS = 8
"""A weekly list has an edition within these days. When a list has shrunk for good, its scrapes fail for this many days,
and succeed afterwards."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)

Records = Sequence[Mapping[str, JsonValue]]


def previous_edition(spec: ScraperSpec, game_date: date, before: datetime, data: Objects) -> Records | None:
    """Read the records of the newest edition that was fetched before the instant `before`.

    Only landed editions count, so the next one is never compared with a refused one.

    Raises:
        Unavailable: the bucket did not respond.
    """
    for age in range(LOOK_BACK_DAYS + 1):
        day = game_date - timedelta(days=age)
        earlier = [file for file in data.list(f"{spec.output_root}/{day}/") if _fetched_at(file) < before]
        if earlier:
            body = data.get(max(earlier, key=_fetched_at).name)
            return _records(body) if body is not None else None
    return None


def _fetched_at(file: ObjectInfo) -> datetime:
    # No runner wrote a file without it. The file counts, as older than every file of a runner.
    return fetched_at(file) if file.metadata.get(FETCHED_AT) else _LONG_AGO


def _records(body: bytes) -> Records | None:
    """Read a file's records; None when it is no file of records, which no runner wrote."""
    try:
        records = json.loads(body)["records"]
    except (ValueError, LookupError, TypeError):
        return None
    return [record for record in records if isinstance(record, dict)] if isinstance(records, list) else None

"""Reader of files of records in the data bucket."""

import json
from dataclasses import dataclass
from datetime import date

from tipoff_common.identity import content_hash
from tipoff_common.ports import ObjectInfo, Objects

MOST_BYTES = 64 * 1024 * 1024
"""The largest file to read; larger files are left to operators."""


class NotOurs(Exception):
    """The content is no file of records as a runner writes it; the message has the reason."""


@dataclass(frozen=True)
class RecordsDocument:
    """Facts that a file of records states about itself."""

    scraper: str
    game_date: date
    record_count: int
    content_sha256: str


def read_document(info: ObjectInfo, data: Objects) -> RecordsDocument:
    """Read and verify an object. Raises Unavailable; NotOurs if no runner wrote it, or its name is not its hash."""
    if info.size > MOST_BYTES:
        raise NotOurs(f"{info.size} bytes exceed the limit of {MOST_BYTES}")
    body = data.get(info.name)
    # A lifecycle rule or a person deleted the object after it was listed.
    if body is None:
        raise NotOurs("it was deleted after it was listed")
    return _parsed(info.name, body)


def _parsed(name: str, body: bytes) -> RecordsDocument:
    digest = content_hash(body)
    # Any writer of the bucket may have changed the object; the runner put the content's hash into its name.
    if name.rpartition("/")[2] != f"{digest[:16]}.json":
        raise NotOurs("its name is not the hash of its content")
    try:
        content = json.loads(body)
        scraper, game_date, records = content["scraper"], content["game_date"], content["records"]
        if not isinstance(scraper, str) or not isinstance(records, list) or not records:
            raise NotOurs("it has no scraper or no records")
        return RecordsDocument(scraper, date.fromisoformat(game_date), len(records), digest)
    # RecursionError too: a million nested brackets are one megabyte, far below MOST_BYTES.
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotOurs(f"it is not a document of records: {type(error).__name__}: {error}") from error

"""Files of a scrape in the data bucket: the payload as it came, an entry in the journal, then the records."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tipoff_common.catalog import GAME_DATE, ScraperSpec
from tipoff_common.events import ScrapeRequested
from tipoff_common.files import EXECUTION_ID, FAN_OUT, FETCHED_AT, RAW, REQUEST, is_segment, journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.ports import ObjectInfo, Objects, Unavailable
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

PARAMETERS = "parameters"
"""Metadata of a payload: what it was fetched for, as JSON."""
FETCHED_FOR = "fetched-for"
"""Metadata of a payload: the id of the request that it was last fetched for."""
NOTED = "noted"
"""Metadata of a payload: retries and summary of its fetch, as JSON."""
_METADATA_BYTES = 2 * 1024 + 512
"""Of one entry; an object's metadata has 8 KiB (https://cloud.google.com/storage/quotas#objects), and at most three
entries of an object come near this."""
# Cut rather than left out: its beginning tells host and path, which is what a person looks for.
_URL_CHARACTERS = 1024


def folder(spec: ScraperSpec, parameters: ScrapeParameters, game_date: date) -> str:
    """Return where the records go: the output of scraper.yaml with the parameters' values in it.

    A value is a name and nothing else, so that no request chooses a path.

    Raises:
        UnusablePath: a value with other characters than letters, digits, "_", "." and "-", or of dots alone.
    """
    filled = spec.output_template
    for name in spec.output_parameters:
        value = game_date.isoformat() if name == GAME_DATE else str(getattr(parameters, name))
        if not is_segment(value):
            raise UnusablePath(
                f"{name} is {value!r:.120}, which cannot stand in a path; letters, digits, '_', '.' and '-' can"
            )
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def raw_prefix(spec: ScraperSpec, game_date: date) -> str:
    """Return the prefix of the names of all payloads of a day."""
    return f"{RAW}/{spec.output_root}/{game_date.isoformat()}/"


def fetched_at(info: ObjectInfo) -> datetime:
    """Return when the source gave the content; when it was written, for an object that does not say."""
    text = info.metadata.get(FETCHED_AT)
    return datetime.fromisoformat(text) if text else info.updated


def write_payload(
    payload: Payload,
    folder: str,
    parameters: Mapping[str, str],
    request: ScrapeRequested,
    noted: str,
    now: datetime,
    data: Objects,
) -> str:
    """Write the untouched payload; return its gs:// path. A mended parser can run again on it without fetching.

    noted: what the fetch brought beside the payload, as JSON in ASCII, for the delivery that goes on when this one
        does not.
    Raises Unavailable.
    """
    # Sixteen hexadecimal digits: among the payloads of one day two different ones never share them.
    name = f"{RAW}/{folder}/{content_hash(payload.body)[:16]}.{payload.suffix}"
    metadata = {
        "source-url": payload.url[:_URL_CHARACTERS],
        PARAMETERS: json.dumps(dict(parameters), sort_keys=True, ensure_ascii=True),
        FETCHED_AT: now.isoformat(),
        FETCHED_FOR: request.request_id,
        NOTED: noted,
    }
    kept = _fitting(metadata)
    if not data.create(name, payload.body, metadata=kept):
        # The name has the hash of the content, and to replace an object is a right that the runner does not have. What
        # does not fit must not stay as an earlier fetch left it.
        data.annotate(name, {**dict.fromkeys((PARAMETERS, NOTED), "{}"), **kept})
    return f"gs://{data.bucket}/{name}"


@dataclass(frozen=True)
class RecordsFile:
    """A file of records, ready to be written."""

    name: str
    """Contains the hash of the content, so the same records are the same file whoever fetched them."""
    body: bytes
    digest: str
    """The whole hash."""
    metadata: Mapping[str, str]


def records_file(
    parsed: Parsed, spec: ScraperSpec, request: ScrapeRequested, folder: str, fetched: datetime
) -> RecordsFile:
    """Make the records one JSON document. fetched: when the source gave the payload.

    The document holds nothing that differs between two scrapes of the same data; when it was fetched, by which
    execution and for which request is in its metadata, so that a file whose runner died can tell.

    Raises whatever the records do when they are dumped, and ValueError for what JSON in UTF-8 cannot hold.
    """
    document = {
        "scraper": spec.name,
        "game_date": request.game_date.isoformat(),
        "records": [record.model_dump(mode="json") for record in parsed.records],
    }
    # One spelling for one content: keys in order, no blanks. Another spelling would be
    # another hash, and another file.
    body = json.dumps(
        document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()
    digest = content_hash(body)
    metadata = {
        FETCHED_AT: fetched.isoformat(),
        EXECUTION_ID: request.request_id,
        **_what_for(request, spec, parsed.fan_out),
    }
    return RecordsFile(f"{folder}/{digest[:16]}.json", body, digest, _fitting(metadata))


def write_records(
    file: RecordsFile, now: datetime, data: Objects, *, after: Callable[[], object] = lambda: None
) -> bool:
    """Write the file unless it is there; return whether this request is the one that announces it.

    The creation of the file is the claim of its announcement: it is the request's whose execution id it bears, however
    often that request is delivered. A file that is there already only gets the instant of its newest fetch, by which
    the age of a calendar is judged.

    after: waited for before the file is written, after the journal says that it is about to be.
    Raises Unavailable.
    """
    # Written first, so that cleanup finds a file whose runner died before it could tell anybody.
    data.create(journal_entry(file.name, now), b"")
    after()
    if data.create(file.name, file.body, content_type="application/json", metadata=file.metadata):
        return True
    there = data.info(file.name)
    metadata = there.metadata if there else None
    fetched = file.metadata[FETCHED_AT]
    # Only forward: an older payload may be parsed late (after a crash, or by a mended parser). Were the instant set
    # back, an edition from between the two fetches would count as the newest.
    if there and fetched_at(there) < datetime.fromisoformat(fetched):
        metadata = data.annotate(file.name, {FETCHED_AT: fetched})
    if metadata is None:
        raise Unavailable(f"gs://{data.bucket}/{file.name} was removed while it was written")
    # True for a delivery of the request that created it: its runner died before it could announce the file.
    return metadata.get(EXECUTION_ID) == file.metadata[EXECUTION_ID]


def _what_for(
    request: ScrapeRequested, spec: ScraperSpec, fan_out: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Return the request as far as it may be kept, and what follow-ups fan out over."""
    declared = {name: value for name, value in request.parameters.items() if name in spec.parameters}
    kept = request.model_copy(update={"parameters": declared})
    fields = set(type(request).model_fields)
    return {
        REQUEST: kept.model_dump_json(include=fields, ensure_ascii=True),
        FAN_OUT: json.dumps({name: list(values) for name, values in fan_out.items()}),
    }


def _fitting(metadata: Mapping[str, str]) -> dict[str, str]:
    """Leave out entries that are too long; what they say is a convenience, and the object is not."""
    return {name: text for name, text in metadata.items() if len(text) <= _METADATA_BYTES}

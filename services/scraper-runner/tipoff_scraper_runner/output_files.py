"""Files of a scrape in the data bucket: the unchanged payload, an entry in the journal, then the records."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tipoff_common.catalog import GAME_DATE, ScraperSpec
from tipoff_common.events import ScrapeRequested
from tipoff_common.files import (
    EXECUTION_ID,
    FAN_OUT,
    FETCHED_AT,
    RAW,
    REQUEST,
    fetched_at,
    is_segment,
    journal_entry,
)
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects, Unavailable
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

PARAMETERS = "parameters"
"""Metadata of a payload: the parameters of its request, as JSON."""
FETCHED_FOR = "fetched-for"
"""Metadata of a payload: the id of the last request that fetched it."""
NOTED = "noted"
"""Metadata of a payload: retries and summary of its fetch, as JSON."""
_METADATA_BYTES = 2 * 1024 + 512
"""Limit of one entry. An object's metadata has 8 KiB (https://cloud.google.com/storage/quotas#objects), and at most
three entries of an object come near this limit."""
# A long address is cut, not left out: its beginning has the host and the path.
_URL_CHARACTERS = 1024


def folder(spec: ScraperSpec, parameters: ScrapeParameters, game_date: date) -> str:
    """Return the folder of the records: the output of scraper.yaml with the parameters' values in it.

    A value must be a plain name, so that no request can choose a path.

    Raises:
        UnusablePath: a value has other characters than letters, digits, "_", "." and "-", or consists of dots.
    """
    filled = spec.output_template
    for name in spec.output_parameters:
        value = game_date.isoformat() if name == GAME_DATE else str(getattr(parameters, name))
        if not is_segment(value):
            raise UnusablePath(
                f"{name} is {value!r:.120}, which is not allowed in a path; use letters, digits, '_', '.' and '-'"
            )
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def raw_prefix(spec: ScraperSpec, game_date: date) -> str:
    """Return the prefix of the names of all payloads of a day."""
    return f"{RAW}/{spec.output_root}/{game_date.isoformat()}/"


def write_payload(
    payload: Payload,
    folder: str,
    parameters: Mapping[str, str],
    request: ScrapeRequested,
    noted: str,
    now: datetime,
    data: Objects,
) -> str:
    """Write the unchanged payload; return its gs:// path. A fixed parser can parse it again without fetching.

    noted: facts about the fetch, as JSON in ASCII, for a later delivery that takes this request over.
    Raises Unavailable.
    """
    # Sixteen hexadecimal digits suffice to distinguish the payloads of one day.
    name = f"{RAW}/{folder}/{content_hash(payload.body)[:16]}.{payload.suffix}"
    metadata = {
        "source-url": payload.url[:_URL_CHARACTERS],
        PARAMETERS: json.dumps(dict(parameters), sort_keys=True, ensure_ascii=True),
        FETCHED_AT: now.isoformat(),
        FETCHED_FOR: request.request_id,
        NOTED: noted,
    }
    entries = _without_long_entries(metadata)
    if not data.create(name, payload.body, metadata=entries):
        # The object has the same content, as its name holds the hash, and the runner has no permission to replace
        # objects. Reset entries that are now too long, so that no earlier fetch's values remain.
        data.annotate(name, {**dict.fromkeys((PARAMETERS, NOTED), "{}"), **entries})
    return f"gs://{data.bucket}/{name}"


@dataclass(frozen=True)
class RecordsFile:
    """A file of records, ready to be written."""

    name: str
    """Contains the hash of the content, so equal records of any two requests are one file."""
    body: bytes
    digest: str
    """The full hash."""
    metadata: Mapping[str, str]


def records_file(
    parsed: Parsed, spec: ScraperSpec, request: ScrapeRequested, folder: str, fetched: datetime
) -> RecordsFile:
    """Build the JSON document of the records. fetched: the instant of the payload's fetch.

    The document holds nothing that differs between two scrapes of the same data. Its metadata holds the instant of the
    fetch, the execution and the request, so that cleanup can announce the file if the runner crashes.

    Raises ValueError for a value that JSON in UTF-8 cannot hold, and any error of a record's serializer.
    """
    document = {
        "scraper": spec.name,
        "game_date": request.game_date.isoformat(),
        "records": [record.model_dump(mode="json") for record in parsed.records],
    }
    # A canonical form: keys in order, no blanks. Another form would have another hash, and be another file.
    body = json.dumps(
        document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()
    digest = content_hash(body)
    metadata = {
        FETCHED_AT: fetched.isoformat(),
        EXECUTION_ID: request.request_id,
        **_request_metadata(request, spec, parsed.fan_out),
    }
    return RecordsFile(f"{folder}/{digest[:16]}.json", body, digest, _without_long_entries(metadata))


def write_records(
    file: RecordsFile, now: datetime, data: Objects, *, after: Callable[[], object] = lambda: None
) -> bool:
    """Write the file unless it exists; return whether this request has to announce it.

    The request that creates the file announces it, in every delivery: the file's metadata has its execution id. An
    existing file only gets the instant of its newest fetch, from which the age of a calendar is computed.

    after: called between the entry in the journal and the write of the file.
    Raises Unavailable.
    """
    # The journal entry comes first, so that cleanup finds a file that its runner did not announce before a crash.
    data.create(journal_entry(file.name, now), b"")
    after()
    if data.create(file.name, file.body, content_type="application/json", metadata=file.metadata):
        return True
    existing = data.info(file.name)
    metadata = existing.metadata if existing else None
    fetched = file.metadata[FETCHED_AT]
    # Only forward: an older payload may be parsed late (after a crash, or by a fixed parser). If the instant were set
    # back, an edition from between the two fetches would count as the newest.
    if existing and fetched_at(existing) < datetime.fromisoformat(fetched):
        metadata = data.annotate(file.name, {FETCHED_AT: fetched})
    if metadata is None:
        raise Unavailable(f"gs://{data.bucket}/{file.name} was deleted during its write")
    # True for a redelivery of the request that created the file: its runner crashed before the announcement.
    return metadata.get(EXECUTION_ID) == file.metadata[EXECUTION_ID]


def _request_metadata(
    request: ScrapeRequested, spec: ScraperSpec, fan_out: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Return metadata with the request, declared parameters only, and the values that follow-ups fan out over."""
    declared = {name: value for name, value in request.parameters.items() if name in spec.parameters}
    recorded = request.model_copy(update={"parameters": declared})
    fields = set(type(request).model_fields)
    return {
        REQUEST: recorded.model_dump_json(include=fields, ensure_ascii=True),
        FAN_OUT: json.dumps({name: list(values) for name, values in fan_out.items()}),
    }


def _without_long_entries(metadata: Mapping[str, str]) -> dict[str, str]:
    """Leave out entries that are too long: the object is needed, its metadata is only a convenience."""
    return {name: text for name, text in metadata.items() if len(text) <= _METADATA_BYTES}

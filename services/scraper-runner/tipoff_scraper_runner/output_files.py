"""What a scrape writes to the data bucket: the payload as it came, an entry in the journal, then the records."""

import json
from collections.abc import Mapping
from datetime import date, datetime

from tipoff_common.catalog import GAME_DATE, ScraperSpec
from tipoff_common.events import ScrapeRequested
from tipoff_common.files import EXECUTION_ID, FAN_OUT, FETCHED_AT, RAW, REQUEST, is_segment, journal_entry
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

PARAMETERS = "parameters"
"""Metadata of a payload: what it was fetched for, as JSON."""
_METADATA_BYTES = 3 * 1024
"""Of one entry; an object's metadata has 8 KiB (https://cloud.google.com/storage/quotas#objects)."""


def folder(spec: ScraperSpec, parameters: ScrapeParameters, game_date: date) -> str:
    """Where the records go: the output of scraper.yaml with the parameters' values in it.

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
    """What the names of all payloads of a day begin with."""
    return f"{RAW}/{spec.output_root}/{game_date.isoformat()}/"


def write_payload(
    payload: Payload, folder: str, parameters: Mapping[str, str], now: datetime, data: Objects
) -> str:
    """The gs:// path of the untouched payload: a mended parser can run again without fetching. Raises Unavailable."""
    name = f"{RAW}/{folder}/{content_hash(payload.body)[:16]}.{payload.suffix}"
    metadata = {
        "source-url": payload.url,
        PARAMETERS: json.dumps(dict(parameters), sort_keys=True, ensure_ascii=True),
        FETCHED_AT: now.isoformat(),
    }
    data.put(name, payload.body, content_type="application/octet-stream", metadata=metadata)
    return f"gs://{data.bucket}/{name}"


def write_records(
    parsed: Parsed,
    spec: ScraperSpec,
    request: ScrapeRequested,
    folder: str,
    fetched_at: datetime,
    now: datetime,
    data: Objects,
) -> tuple[str, str]:
    """The records as one JSON document; its gs:// path, which contains the hash of its content, and the whole hash.

    The document holds nothing that differs between two scrapes of the same data; when it was fetched, by which
    execution and for which request is in its metadata, so that a file whose runner died can tell. That it is about to
    be written is in the journal, so that such a file is found. Raises Unavailable.
    """
    document = {
        "scraper": spec.name,
        "game_date": request.game_date.isoformat(),
        "records": [record.model_dump(mode="json") for record in parsed.records],
    }
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    digest = content_hash(body)
    name = f"{folder}/{digest[:16]}.json"
    metadata = {
        FETCHED_AT: fetched_at.isoformat(),
        EXECUTION_ID: request.request_id,
        **_what_for(request, spec, parsed.fan_out),
    }
    data.create(journal_entry(name, now), b"")
    data.put(name, body, content_type="application/json", metadata=metadata)
    return f"gs://{data.bucket}/{name}", digest


def _what_for(
    request: ScrapeRequested, spec: ScraperSpec, fan_out: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """The request as far as it may be kept, and what follow-ups fan out over; what does not fit stays away."""
    declared = {name: value for name, value in request.parameters.items() if name in spec.parameters}
    kept = request.model_copy(update={"parameters": declared})
    fields = set(type(request).model_fields)
    found = {
        REQUEST: kept.model_dump_json(include=fields, ensure_ascii=True),
        FAN_OUT: json.dumps({name: list(values) for name, values in fan_out.items()}),
    }
    return {name: text for name, text in found.items() if len(text) <= _METADATA_BYTES}

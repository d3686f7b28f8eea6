"""What a scrape writes to the data bucket: the payload as it came, then the records."""

import json
from datetime import datetime

from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.ports import Objects
from tipoff_scraper_runner.scraper import Parsed, Payload


def write_payload(payload: Payload, spec: ScraperSpec, request: ScrapeRequested, data: Objects) -> str:
    """The gs:// path of the untouched payload: a mended parser can run again without fetching. Raises Unavailable."""
    name = f"raw/{_folder(spec, request)}/{content_hash(payload.body)[:16]}.{payload.suffix}"
    data.put(name, payload.body, content_type="application/octet-stream", metadata={"source-url": payload.url})
    return f"gs://{data.bucket}/{name}"


def write_records(
    parsed: Parsed, spec: ScraperSpec, request: ScrapeRequested, now: datetime, data: Objects
) -> tuple[str, str]:
    """The records as one JSON document; its gs:// path, which contains the hash of its content, and the whole hash.

    The document holds nothing that differs between two scrapes of the same data; when it was fetched, and by which
    execution, is in its metadata. Raises Unavailable.
    """
    document = {
        "scraper": spec.name,
        "game_date": request.game_date.isoformat(),
        "records": [record.model_dump(mode="json") for record in parsed.records],
    }
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    digest = content_hash(body)
    name = f"{_folder(spec, request)}/{digest[:16]}.json"
    metadata = {"fetched-at": now.isoformat(), "execution-id": request.request_id}
    data.put(name, body, content_type="application/json", metadata=metadata)
    return f"gs://{data.bucket}/{name}", digest


def _folder(spec: ScraperSpec, request: ScrapeRequested) -> str:
    return f"{spec.output}/{request.game_date.isoformat()}"

"""Parsing of stored payloads with a corrected parser, without fetching.

Each run is an execution like any other: it is recorded before it is published, and a file is announced if its content
is new. A payload is parsed for the parameters in its metadata.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import JsonValue

from tipoff_common.events import ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.files import RAW, fetched_at
from tipoff_common.outcomes import Success
from tipoff_common.ports import ObjectInfo, Objects
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.handlers import publish_execution
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.output_files import PARAMETERS, raw_prefix
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.saved_payload import FetchNotes, SavedPayload, StoredPayload

Records = Mapping[str, list[JsonValue]]
_PARSED_AGAIN = FetchNotes(summary={"parsed_again": True})
"""Distinguishes the execution from a scrape on a developer's machine, whose source is LOCAL too."""


@dataclass(frozen=True)
class RecordsDiff:
    """The difference between the earlier records and the new ones."""

    path: str
    """gs:// path of the compared file."""
    added: int
    """Number of new records; a changed record counts here and in `removed`."""
    removed: int
    """Number of records that are gone."""


@dataclass(frozen=True)
class Reparsed:
    """The result for one payload."""

    raw_path: str
    """gs:// path of the payload."""
    executed: ScrapeExecuted
    changed: RecordsDiff | None
    """None when the records are unchanged, or when there were none before."""
    announced: bool
    """Whether its file is new to Phase 2."""


def reparse(
    scraper: RegisteredScraper, game_date: date, deps: Deps, *, triggered_by: str, now: datetime
) -> Iterator[Reparsed]:
    """Parse every payload of `game_date` and publish the executions, oldest first, so that the newest counts last.

    Raises:
        Unavailable: a part of the cloud did not answer; another call parses all payloads again, and announces no file
            twice.
        UnusableParameters: a payload's metadata does not fit the scraper's present parameters.
    """
    kept = sorted(deps.data.list(raw_prefix(scraper.spec, game_date)), key=fetched_at)
    # Read all earlier records first: two payloads with the same records share one file.
    before = [_records_of(info, deps.data) for info in kept]
    for info, records in zip(kept, before, strict=True):
        body = deps.data.get(info.name)
        if body is None:
            continue  # expired between the listing and now
        request = manual_request(
            scraper, _parameters(info, game_date), source=Source.LOCAL, triggered_by=triggered_by, now=now
        )
        fetched = StoredPayload(f"gs://{deps.data.bucket}/{info.name}", fetched_at(info), _PARSED_AGAIN)
        yield _parse_and_publish(scraper, request, body, fetched, records, deps, now)


def _parse_and_publish(
    scraper: RegisteredScraper,
    request: ScrapeRequested,
    body: bytes,
    fetched: StoredPayload,
    before: Records,
    deps: Deps,
    now: datetime,
) -> Reparsed:
    execution = execute(
        request,
        scraper,
        environment=deps.environment,
        now=now,
        open_http=deps.open_http,
        data=deps.data,
        parse=deps.parse,
        saved=SavedPayload(body, dated=True, fetched=fetched),
    )
    # No claim is needed: each run has a new request, so there is no other delivery of it.
    execution = deps.memory.remember(request, execution)
    publish_execution(execution, deps)
    change = _difference(execution.executed, before, deps.data)
    return Reparsed(fetched.raw_path, execution.executed, change, execution.landed is not None)


def _parameters(info: ObjectInfo, game_date: date) -> dict[str, str]:
    """Return the parameters in the payload's metadata with its date; without such metadata, the date only."""
    kept: dict[str, str] = json.loads(info.metadata.get(PARAMETERS, "{}"))
    return {**kept, "game_date": game_date.isoformat()}


def _records_of(info: ObjectInfo, data: Objects) -> Records:
    """Return the records that were parsed from the payload, by object name, oldest file first.

    A file of records has the instant of its payload.
    """
    # A payload lies below raw/ under the folder of its records.
    folder = info.name.removeprefix(f"{RAW}/").rpartition("/")[0]
    files = [file for file in data.list(f"{folder}/") if fetched_at(file) == fetched_at(info)]
    bodies = {file.name: data.get(file.name) for file in sorted(files, key=lambda file: file.updated)}
    return {name: json.loads(body)["records"] for name, body in bodies.items() if body is not None}


def _difference(executed: ScrapeExecuted, before: Records, data: Objects) -> RecordsDiff | None:
    """Compare the new records with the newest earlier ones; None when nothing changed."""
    outcome = executed.outcome
    if not before:
        return None
    # A run without records leaves the earlier file in place; the difference counts its records as removed.
    if not isinstance(outcome, Success) or outcome.gcs_path is None:
        return RecordsDiff(f"gs://{data.bucket}/{[*before][-1]}", 0, len(before[[*before][-1]]))
    name = outcome.gcs_path.removeprefix(f"gs://{data.bucket}/")
    # The same content, hence the same file: nothing changed.
    if name in before:
        return None
    old, new = _counted(before[[*before][-1]]), _counted(json.loads(data.get(name) or b"{}")["records"])
    return RecordsDiff(outcome.gcs_path, (new - old).total(), (old - new).total())


def _counted(records: list[JsonValue]) -> Counter[str]:
    # A multiset: of two equal records, the loss of one is a change.
    return Counter(json.dumps(record, sort_keys=True) for record in records)

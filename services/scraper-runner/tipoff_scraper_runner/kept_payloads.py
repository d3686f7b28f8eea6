"""A parser that was mended, run again on the payloads that are kept: nothing is fetched.

Each run is an execution like any other: it is written down before it is published, and a file is announced if its
content is new. A payload is read for what it was fetched for, which stands in its metadata.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import JsonValue

from tipoff_common.events import ScrapeExecuted, ScrapeRequested, Source
from tipoff_common.files import RAW
from tipoff_common.outcomes import Success
from tipoff_common.ports import ObjectInfo, Objects
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Fetched, Saved, execute
from tipoff_scraper_runner.handlers import publish_execution
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.output_files import PARAMETERS, fetched_at, raw_prefix
from tipoff_scraper_runner.registry import Registered

Records = Mapping[str, list[JsonValue]]


@dataclass(frozen=True)
class Change:
    """From the records that were there to those of now: how many are new and how many are gone. A record of which
    anything is different is both."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True)
class Reparsed:
    """One payload. changed: None when the records are what they were, or when none were there before. announced:
    whether its file is new to Phase 2."""

    raw_path: str
    executed: ScrapeExecuted
    changed: Change | None
    announced: bool


def reparse(
    scraper: Registered, game_date: date, deps: Deps, *, triggered_by: str, now: datetime
) -> Iterator[Reparsed]:
    """Runs the parser on every payload of `game_date`, oldest first, so that the newest has the last word.

    Raises:
        Unavailable: a part of the cloud did not answer; asking again begins anew, and what is done is not done twice.
        UnusableParameters: a payload's metadata does not fit the parameters of now.
    """
    kept = sorted(deps.data.list(raw_prefix(scraper.spec, game_date)), key=fetched_at)
    # All are looked up first: two payloads may have the same records, which are then one file.
    before = [_records_of(info, deps.data) for info in kept]
    for info, records in zip(kept, before, strict=True):
        body = deps.data.get(info.name)
        if body is None:
            continue
        request = manual_request(
            scraper, _parameters(info, game_date), source=Source.LOCAL, triggered_by=triggered_by, now=now
        )
        fetched = Fetched(f"gs://{deps.data.bucket}/{info.name}", fetched_at(info))
        yield _read(scraper, request, body, fetched, records, deps, now)


def _read(
    scraper: Registered,
    request: ScrapeRequested,
    body: bytes,
    fetched: Fetched,
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
        saved=Saved(body, dated=True, fetched=fetched),
    )
    execution = deps.memory.remember(request, execution)
    publish_execution(execution, deps)
    change = _change(execution.executed, before, deps.data)
    return Reparsed(fetched.raw_path, execution.executed, change, execution.landed is not None)


def _parameters(info: ObjectInfo, game_date: date) -> dict[str, str]:
    """What the payload was fetched for; payloads from before that was kept say the date only."""
    kept: dict[str, str] = json.loads(info.metadata.get(PARAMETERS, "{}"))
    return {**kept, "game_date": game_date.isoformat()}


def _records_of(info: ObjectInfo, data: Objects) -> Records:
    """The records that were read in the payload, by path, oldest file first: those that bear its instant."""
    folder = info.name.removeprefix(f"{RAW}/").rpartition("/")[0]
    files = [file for file in data.list(f"{folder}/") if fetched_at(file) == fetched_at(info)]
    bodies = {file.name: data.get(file.name) for file in sorted(files, key=lambda file: file.updated)}
    return {name: json.loads(body)["records"] for name, body in bodies.items() if body is not None}


def _change(executed: ScrapeExecuted, before: Records, data: Objects) -> Change | None:
    outcome = executed.outcome
    if not before:
        return None
    if not isinstance(outcome, Success) or outcome.gcs_path is None:
        return Change(f"gs://{data.bucket}/{[*before][-1]}", 0, len(before[[*before][-1]]))
    name = outcome.gcs_path.removeprefix(f"gs://{data.bucket}/")
    if name in before:
        return None
    old, new = _counted(before[[*before][-1]]), _counted(json.loads(data.get(name) or b"{}")["records"])
    return Change(outcome.gcs_path, (new - old).total(), (old - new).total())


def _counted(records: list[JsonValue]) -> Counter[str]:
    return Counter(json.dumps(record, sort_keys=True) for record in records)

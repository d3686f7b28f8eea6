"""One request, run: the only place where what happens becomes Success, NoData or Failed."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from tipoff_common.answers import answer
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.identity import content_hash
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import Objects, Unavailable
from tipoff_scraper_runner.errors import NotPublished, ScrapeFailure
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.registry import Registered
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters

log = logging.getLogger(__name__)

OpenHttp = Callable[[ScraperSpec, datetime, bool], HttpxHttp]


@dataclass(frozen=True)
class Execution:
    """What is to be published of one request."""

    executed: ScrapeExecuted
    landed: FileLanded | None


@dataclass
class _Findings:
    """What is known so far, kept for the log even when the scrape fails."""

    summary: dict[str, JsonValue]
    retries: int = 0


def execute(
    request: ScrapeRequested,
    scraper: Registered,
    *,
    environment: str,
    now: datetime,
    open_http: OpenHttp,
    data: Objects | None,
    saved: bytes | None = None,
) -> Execution:
    """Runs `scraper` for `request`.

    now: the instant of the scrape, the tick's when a day is replayed.
    data: where the raw payload and then the records are written; None writes nothing.
    saved: a payload to parse instead of fetching one.

    Raises:
        Unavailable: the bucket did not take the files; nothing came of the request, it is to be delivered again.
    """
    started = time.monotonic()
    findings = _Findings({})
    outcome = _outcome(request, scraper, now, open_http, data, saved, findings)
    match outcome:
        case Success():
            findings.summary = {"record_count": outcome.record_count, **findings.summary}
        case NoData():
            findings.summary = {"record_count": 0, "reason": outcome.reason, **findings.summary}
        case Failed():
            pass
    executed = answer(
        request,
        outcome,
        environment=environment,
        triggered_at=now,
        completed_at=now + timedelta(seconds=time.monotonic() - started),
        data_summary=findings.summary,
        opts={name: value for name, value in request.parameters.items() if name in scraper.spec.parameters},
        retry_count=findings.retries,
    )
    return Execution(executed, _landed(executed))


def _outcome(
    request: ScrapeRequested,
    scraper: Registered,
    now: datetime,
    open_http: OpenHttp,
    data: Objects | None,
    saved: bytes | None,
    findings: _Findings,
) -> Outcome:
    try:
        parameters = scraper.module.Parameters.model_validate(request.parameters)
        payload = _payload(request, scraper, parameters, now, open_http, saved, findings)
        if data is not None:
            findings.summary["raw_path"] = _write_raw(payload, scraper.spec, request, data)
        parsed: Parsed = scraper.module.parse(payload.body, parameters)
        findings.summary.update(parsed.summary)
        return _judge(parsed, request, scraper.spec, now, data, findings)
    except Unavailable:
        raise
    except NotPublished as error:
        return NoData(reason=str(error))
    except ScrapeFailure as error:
        return Failed(kind=error.kind, message=str(error) or type(error).__name__)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return Failed(kind=FailureKind.INTERNAL, message=f"{error.title}: {faults}")
    except Exception as error:  # an unforeseen error is a fact about this scrape, and only `failed`
        log.exception("scraper raised an unforeseen error", extra={"scraper": request.scraper})
        return Failed(kind=FailureKind.INTERNAL, message=f"{type(error).__name__}: {error}")


def _payload(
    request: ScrapeRequested,
    scraper: Registered,
    parameters: ScrapeParameters,
    now: datetime,
    open_http: OpenHttp,
    saved: bytes | None,
    findings: _Findings,
) -> Payload:
    if saved is not None:
        return Payload(saved, "file", "saved")
    with open_http(scraper.spec, now, request.event_time is not None) as http:
        try:
            payload: Payload = scraper.module.fetch(parameters, http)
        finally:
            findings.retries = http.retries
    findings.summary["source_url"] = payload.url
    return payload


def _judge(
    parsed: Parsed,
    request: ScrapeRequested,
    spec: ScraperSpec,
    now: datetime,
    data: Objects | None,
    findings: _Findings,
) -> Outcome:
    count = len(parsed.records)
    if count == 0 and parsed.empty_reason:
        return NoData(reason=parsed.empty_reason)
    if not spec.assertions.min <= count <= spec.assertions.max:
        return Failed(
            kind=FailureKind.SOURCE_CHANGED,
            message=f"{count} records; between {spec.assertions.min} and {spec.assertions.max} are expected",
        )
    if data is None:
        return Success(record_count=count, gcs_path=None)
    return Success(record_count=count, gcs_path=_write_records(parsed, request, spec, now, data, findings))


def _folder(spec: ScraperSpec, request: ScrapeRequested) -> str:
    return f"{spec.output}/{request.game_date.isoformat()}"


def _write_raw(payload: Payload, spec: ScraperSpec, request: ScrapeRequested, data: Objects) -> str:
    """The payload as it came, so that a mended parser can run again without fetching."""
    name = f"raw/{_folder(spec, request)}/{content_hash(payload.body)[:16]}.{payload.suffix}"
    data.put(
        name, payload.body, content_type="application/octet-stream", metadata={"source-url": payload.url}
    )
    return f"gs://{data.bucket}/{name}"


def _write_records(
    parsed: Parsed,
    request: ScrapeRequested,
    spec: ScraperSpec,
    now: datetime,
    data: Objects,
    findings: _Findings,
) -> str:
    """The records as one JSON document whose path contains the hash of its content.

    It holds nothing that differs between two scrapes of the same data; when it was fetched is in its metadata.
    """
    document = {
        "scraper": spec.name,
        "game_date": request.game_date.isoformat(),
        "records": [record.model_dump(mode="json") for record in parsed.records],
    }
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    digest = content_hash(body)
    findings.summary["content_sha256"] = digest
    name = f"{_folder(spec, request)}/{digest[:16]}.json"
    metadata = {"fetched-at": now.isoformat(), "execution-id": request.request_id}
    data.put(name, body, content_type="application/json", metadata=metadata)
    return f"gs://{data.bucket}/{name}"


def _landed(executed: ScrapeExecuted) -> FileLanded | None:
    if not isinstance(executed.outcome, Success) or executed.outcome.gcs_path is None:
        return None
    return FileLanded(
        gcs_path=executed.outcome.gcs_path,
        scraper_name=executed.scraper_name,
        workflow=executed.workflow,
        game_date=executed.game_date,
        execution_id=executed.execution_id,
        record_count=executed.outcome.record_count,
        content_sha256=str(executed.data_summary["content_sha256"]),
        landed_at=executed.completed_at,
    )

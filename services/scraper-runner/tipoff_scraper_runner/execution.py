"""Execution of one request: fetch, parse, write; the result is Success, NoData or Failed."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from tipoff_common.bounds import storable_object
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_execution, build_file_landed, declared_parameters
from tipoff_common.files import is_segment
from tipoff_common.logs import log_context
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import Objects, Unavailable
from tipoff_common.telemetry import span
from tipoff_scraper_runner.error_outcomes import FLEET_ERRORS, outcome_of_error
from tipoff_scraper_runner.errors import UnusablePath
from tipoff_scraper_runner.fake_sources import FAKED
from tipoff_scraper_runner.findings import findings
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.judgement import Show, dated, judged, require_day, shown
from tipoff_scraper_runner.output_files import folder, records_file, write_payload, write_records
from tipoff_scraper_runner.parser import Parse, parse_in_process
from tipoff_scraper_runner.previous_edition import Records, previous_edition
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.saved_payload import FetchNotes, SavedPayload
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters
from tipoff_scraper_runner.secret_redactor import SecretRedactor

log = logging.getLogger(__name__)

OpenHttp = Callable[[ScraperSpec, datetime, bool], HttpxHttp]


@dataclass(frozen=True)
class Execution:
    """Events to publish about one request."""

    executed: ScrapeExecuted
    landed: FileLanded | None
    """Set when this request created the file; an execution with the same content as an earlier one does not announce
    it."""


def execute(
    request: ScrapeRequested,
    scraper: RegisteredScraper,
    *,
    environment: str,
    now: datetime,
    open_http: OpenHttp,
    data: Objects | None,
    parse: Parse = parse_in_process,
    writes: Executor | None = None,
    saved: SavedPayload | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Execution:
    """Fetch and parse for `request`; write the raw payload and the records.

    now: the instant of the scrape; in a replay, the instant of the tick.
    data: the bucket for the payload and the records; None writes nothing.
    writes: writes the payload while it is parsed; None writes it before parsing.
    monotonic: returns the seconds of a clock that never steps back.

    Raises:
        Unavailable: the bucket did not accept the files; the request has no outcome and has to be delivered again.
    """
    # The duration is measured on the monotonic clock and added to `now`: a replay has its own time, and a wall clock
    # may jump.
    started = monotonic()
    job = _Job(request, scraper, now, data, parse, writes)
    http = open_http(scraper.spec, now, request.event_time is not None)
    # `tipoff logs` finds the lines of the runner and of the scraper by these ids.
    with log_context(
        http.redactor.redact,
        scraper=request.scraper,
        request_id=request.request_id,
        occurrence_id=request.occurrence_id,
        decision_id=request.decision_id,
        attempt=request.attempt,
    ):
        result = _run(job, http, saved)
        seconds = monotonic() - started
        _log_end(result, seconds)
    executed = build_execution(
        result.request,
        result.outcome,
        environment=environment,
        triggered_at=now,
        completed_at=now + timedelta(seconds=seconds),
        # The outcome's own facts come last, so that no scraper can override its record count.
        data_summary={**result.facts.summary, **_headline(result.outcome)},
        opts=declared_parameters(result.request, scraper.spec),
        retry_count=result.facts.retries,
        fan_out_keys=result.fan_out,
    )
    return Execution(executed, _landed(executed) if result.announces else None)


@dataclass(frozen=True)
class _Job:
    """Input of every stage of one execution."""

    request: ScrapeRequested
    scraper: RegisteredScraper
    now: datetime
    data: Objects | None
    parse: Parse
    writes: Executor | None


@dataclass(frozen=True)
class _Facts:
    """Facts that are logged for every outcome."""

    summary: Mapping[str, JsonValue] = field(default_factory=dict)
    retries: int = 0


@dataclass(frozen=True)
class _Result:
    """The result of an execution."""

    outcome: Outcome
    request: ScrapeRequested
    facts: _Facts
    fan_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    announces: bool = False
    """Whether this request has to announce the file."""


def _log_end(result: _Result, seconds: float) -> None:
    """Log the outcome: the one line that every execution logs, independent of the scraper's own logging."""
    outcome = result.outcome
    match outcome:
        case Failed():
            details: Mapping[str, object] = {"kind": outcome.kind.value, "detail": outcome.message}
        case NoData():
            details = {"detail": outcome.reason}
        case _:
            details = {"records": outcome.record_count}
    # `tipoff files cat` shows the payload at this path; nothing else is written for a broken document.
    if raw_path := result.facts.summary.get("raw_path"):
        details = {**details, "payload": raw_path}
    log.info("scrape ended", extra={"status": outcome.status.value, "seconds": round(seconds, 3), **details})


def _run(job: _Job, http: HttpxHttp, saved: SavedPayload | None) -> _Result:
    """Fetch, then parse and write; after an error of either stage, return the facts known so far."""
    # One redactor for the whole execution: it holds every secret that was given to the scraper.
    redactor = http.redactor

    def show(text: str) -> str:
        return shown(text, redactor, faked=FAKED in http.notes)

    # All of the fleet's code runs within this block and the one in `_read`, which also check its results or convert
    # them to plain JSON. An error outside them produces no outcome, and the request would be delivered and fetched
    # again.
    try:
        parameters: ScrapeParameters = job.scraper.module.Parameters.model_validate(job.request.parameters)
        # Raises UnusablePath before the fetch: a value that cannot be part of a path would make it useless.
        folder(job.scraper.spec, parameters, job.request.game_date)
        with http, span("fetch", {"scraper": job.scraper.spec.name}):
            payload = _payload(job, http, parameters, saved)
    except Unavailable:
        raise  # no outcome: Pub/Sub delivers the request again
    except FLEET_ERRORS as error:  # any exception of a scraper becomes an outcome
        facts = _Facts(_redacted(http.notes, redactor), http.retries)
        return _Result(outcome_of_error(error, job.request, redactor, show), job.request, facts)
    # Outside of `with http`: the connection is closed while a large payload is parsed.
    result = _read(job, payload, parameters, saved, _fetch_facts(http, payload, saved), redactor, show)
    # Redact again at the end: the parser's summary may hold a secret that the source repeated.
    summary = _redacted(result.facts.summary, redactor)
    return replace(result, facts=replace(result.facts, summary=summary))


def _payload(job: _Job, http: HttpxHttp, parameters: ScrapeParameters, saved: SavedPayload | None) -> Payload:
    """Return the saved payload, or fetch it when there is none."""
    if saved is not None:
        # The address and the suffix are placeholders: they are for the payload's object, and this payload is not
        # written.
        return Payload(saved.body, "file", "saved")
    return _usable(job.scraper.module.fetch(parameters, http), http.redactor)


def _usable(payload: object, redactor: SecretRedactor) -> Payload:
    """Validate the return value of `fetch`, and redact its address. Raises TypeError and UnusablePath."""
    match payload:
        case Payload(body=bytes(), url=str(url), suffix=str(suffix)):
            pass
        case _:
            # Without the value: it may hold part of a secret, which redaction would not recognise.
            raise TypeError(
                f"fetch returned a {type(payload).__name__}; return a Payload(body: bytes, url: str, suffix: str)"
            )
    if not is_segment(suffix):
        raise UnusablePath(
            f"the payload's suffix is {suffix!r:.120}, which is not allowed in a path;"
            " use letters, digits, '_', '.' and '-'"
        )
    # The scraper builds the address, and may have put the key into it.
    return replace(payload, url=redactor.redact(url).encode("utf-8", "backslashreplace").decode())


def _fetch_facts(http: HttpxHttp, payload: Payload, saved: SavedPayload | None) -> _Facts:
    """Return the facts about the fetch: this one's, or those that an earlier delivery stored with the payload."""
    if saved is None:
        summary = {**_redacted(http.notes, http.redactor), "source_url": payload.url}
        return _Facts(summary, http.retries)
    if saved.fetched is None:
        return _Facts()
    return _Facts(saved.fetched.noted.summary, saved.fetched.noted.retries)


def _read(
    job: _Job,
    payload: Payload,
    parameters: ScrapeParameters,
    saved: SavedPayload | None,
    facts: _Facts,
    redactor: SecretRedactor,
    show: Show,
) -> _Result:
    """Write and parse the payload at the same time, then write the records. Raises Unavailable."""
    # In parallel, because writing takes as long as parsing for most documents.
    with _writing_payload(job, payload, parameters, saved, facts) as payload_path:
        request, spec = job.request, job.scraper.spec
        # Records have the age of their payload; otherwise an old calendar that is parsed again would count as new.
        fetched_at = saved.fetched.fetched_at if saved is not None and saved.fetched is not None else job.now
        try:
            # `parse` chooses the process to parse in; its exceptions become the outcome.
            parsed = job.parse(job.scraper, payload.body, parameters)
            # A payload from a file may come without a day; the document then states it.
            fixed = saved is None or saved.dated
            request = request if fixed else dated(request, parsed)
            found = findings(parsed, request, spec)
            # Added before the document is judged, so that the log describes a refused one as well. Converted to plain
            # JSON: a parser may put any value into it, and redaction covers only JSON.
            facts = replace(facts, summary=storable_object({**parsed.summary, **found, **facts.summary}))
            if fixed:
                require_day(request, parsed)
            outcome = judged(parsed, spec, show)
            if isinstance(outcome, Success):
                # After `dated`: the folder has the document's own day, not the requested one.
                target = folder(spec, parameters, request.game_date)
                # Built in a dry run as well, so that it reports records that cannot be written.
                file = records_file(parsed, spec, request, target, fetched_at)
                if job.data is not None and (
                    lost := _lost(job.scraper, parsed, request, fetched_at, job.data)
                ):
                    outcome = Failed(kind=FailureKind.SOURCE_CHANGED, message=show(lost))
        except Unavailable:
            raise
        except FLEET_ERRORS as error:  # as above
            outcome = outcome_of_error(error, request, redactor, show)
        if not isinstance(outcome, Success):
            return _Result(outcome, request, _with_path(facts, payload_path))
        # A dry run ends here, with the outcome and without any write.
        if job.data is None or payload_path is None:
            return _Result(outcome, request, facts, parsed.fan_out)
        # Wait for the payload before writing the records: without it a fixed parser could never parse them again.
        announces = write_records(file, job.now, job.data, after=payload_path.result)
        facts = _with_path(facts, payload_path)
        facts = replace(facts, summary={**facts.summary, "content_sha256": file.digest})
        outcome = Success(record_count=outcome.record_count, gcs_path=f"gs://{job.data.bucket}/{file.name}")
        return _Result(outcome, request, facts, parsed.fan_out, announces)


def _lost(
    scraper: RegisteredScraper, parsed: Parsed, request: ScrapeRequested, fetched_at: datetime, data: Objects
) -> str:
    """Return the scraper's sentence about losses against the previous edition; blank without a loss, a `lost` function
    or an edition."""
    # Optional for a scraper: most documents have no previous edition.
    compare: Callable[[Parsed, Records], str] | None = getattr(scraper.module, "lost", None)
    if compare is None:
        return ""
    previous = previous_edition(scraper.spec, request.game_date, fetched_at, data)
    return compare(parsed, previous) if previous else ""


@contextmanager
def _writing_payload(
    job: _Job, payload: Payload, parameters: ScrapeParameters, saved: SavedPayload | None, facts: _Facts
) -> Iterator["Future[str] | None"]:
    """Write the payload while the block runs; yield the future of its gs:// path, None when nothing is written.

    The block never ends before the payload is durable: an outcome may only be written after its payload, so that the
    next delivery finds the payload after a crash. Raises Unavailable.
    """
    if job.data is None:
        yield None
        return
    payload_path: Future[str] = Future()
    # Do not write an earlier delivery's payload again: its metadata holds the instant of the fetch.
    if saved is not None and saved.fetched is not None:
        payload_path.set_result(saved.fetched.raw_path)
        yield payload_path
        return
    target = folder(job.scraper.spec, parameters, job.request.game_date)
    opts = declared_parameters(job.request, job.scraper.spec)
    # In ASCII, as metadata is sent in HTTP headers.
    noted = FetchNotes(retries=facts.retries, summary=facts.summary).model_dump_json(ensure_ascii=True)
    if job.writes is None:
        payload_path.set_result(write_payload(payload, target, opts, job.request, noted, job.now, job.data))
        yield payload_path
        return
    payload_path = job.writes.submit(
        write_payload, payload, target, opts, job.request, noted, job.now, job.data
    )
    try:
        yield payload_path
    finally:
        payload_path.result()  # after an error too: Unavailable replaces it, as no outcome may lack its payload


def _with_path(facts: _Facts, payload_path: "Future[str] | None") -> _Facts:
    """Wait until the payload is durable; return the facts with its path, for inspection."""
    if payload_path is None:
        return facts
    return replace(facts, summary={**facts.summary, "raw_path": payload_path.result()})


def _redacted(summary: Mapping[str, JsonValue], redactor: SecretRedactor) -> dict[str, JsonValue]:
    return {name: redactor.redact_json(value) for name, value in summary.items()}


def _headline(outcome: Outcome) -> dict[str, JsonValue]:
    """Return the facts about the outcome itself that `data_summary` holds."""
    match outcome:
        case Success(record_count=count):
            return {"record_count": count}
        case NoData(reason=reason):
            return {"record_count": 0, "reason": reason}
        case Failed(not_before=datetime() as until, paused_host=host):
            return {"not_before": until.isoformat(), "paused_host": host}
        case Failed():
            return {}


def _landed(executed: ScrapeExecuted) -> FileLanded | None:
    """Build the announcement of the execution's file; None without one."""
    if not isinstance(executed.outcome, Success) or executed.outcome.gcs_path is None:
        return None
    return build_file_landed(
        gcs_path=executed.outcome.gcs_path,
        scraper_name=executed.scraper_name,
        workflow=executed.workflow,
        game_date=executed.game_date,
        execution_id=executed.execution_id,
        record_count=executed.outcome.record_count,
        # Present for every success with a path: `_read` adds it when it writes the file.
        content_sha256=str(executed.data_summary["content_sha256"]),
        landed_at=executed.completed_at,
        event_time=executed.completed_at if executed.event_time else None,
    )

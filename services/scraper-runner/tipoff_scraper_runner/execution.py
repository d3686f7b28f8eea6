"""One request, run: the only place where what happens becomes Success, NoData or Failed."""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from tipoff_common.catalog import GAME_DATE, ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_execution, build_file_landed, fan_out_fault
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import Objects, Unavailable
from tipoff_scraper_runner.errors import Misconfigured, NotPublished, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.fake_sources import FAKED, VIA_FAKE
from tipoff_scraper_runner.findings import findings
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.output_files import folder, write_payload, write_records
from tipoff_scraper_runner.previous_edition import Records, previous_edition
from tipoff_scraper_runner.registry import Registered
from tipoff_scraper_runner.scraper import Parsed, Payload, ScrapeParameters
from tipoff_scraper_runner.secret_redactor import SecretRedactor

log = logging.getLogger(__name__)

MAX_TOLD = 2000
"""Characters of a reason or message that are kept."""

OpenHttp = Callable[[ScraperSpec, datetime, bool], HttpxHttp]


@dataclass(frozen=True)
class Execution:
    """What is to be published of one request."""

    executed: ScrapeExecuted
    landed: FileLanded | None


class Fetched(BaseModel):
    """A payload that is kept in the data bucket. fetched_at: when the source gave it. retries: transport retries until
    it did. summary: what was noted of it, without secrets."""

    model_config = ConfigDict(frozen=True)

    raw_path: str
    fetched_at: datetime
    retries: int = 0
    summary: dict[str, JsonValue] = {}


@dataclass(frozen=True)
class Saved:
    """A payload to parse instead of fetching one. `dated` tells that the request's game_date is the payload's for
    certain; otherwise the date that the payload states is taken. fetched: None when it is not kept yet."""

    body: bytes
    dated: bool
    fetched: Fetched | None = None


def execute(
    request: ScrapeRequested,
    scraper: Registered,
    *,
    environment: str,
    now: datetime,
    open_http: OpenHttp,
    data: Objects | None,
    saved: Saved | None = None,
    remember: Callable[[Fetched], None] | None = None,
) -> Execution:
    """Runs `scraper` for `request`.

    now: the instant of the scrape, the tick's when a day is replayed.
    data: where the raw payload and then the records are written; None writes nothing.
    remember: told of the payload once it is kept, before anything is made of it.

    Raises:
        Unavailable: the bucket did not take the files; nothing came of the request, it is to be delivered again.
    """
    started = time.monotonic()
    run = _Run(request, scraper, now, open_http, data, saved, remember)
    outcome = run.outcome()
    executed = build_execution(
        run.request,
        outcome,
        environment=environment,
        triggered_at=now,
        completed_at=now + timedelta(seconds=time.monotonic() - started),
        data_summary={**run.summary, **_headline(outcome)},
        opts=run.opts,
        retry_count=run.retries,
        fan_out_keys=run.fan_out,
    )
    return Execution(executed, _landed(executed))


@dataclass
class _Run:
    """One run and what is known of it so far, which is logged even when it fails."""

    request: ScrapeRequested
    scraper: Registered
    now: datetime
    open_http: OpenHttp
    data: Objects | None
    saved: Saved | None
    remember: Callable[[Fetched], None] | None
    summary: dict[str, JsonValue] = field(default_factory=dict)
    retries: int = 0
    fan_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    redactor: SecretRedactor | None = None

    def outcome(self) -> Outcome:
        """What came of it, without a secret in any text of it or of the summary."""
        outcome = self._attempt()
        if self.redactor is not None:
            self.summary = _redacted(self.summary, self.redactor)
        return outcome

    def _told(self, text: str) -> str:
        """Without a secret, and no longer than a person reads: a source's text may be of any length.

        Outcomes are made of such texts only: were a text cut before it is redacted, a secret that is cut in two would
        not be recognised.
        """
        told = self.redactor.redact(text) if self.redactor else text
        if FAKED in self.summary and VIA_FAKE not in told:
            told += VIA_FAKE
        return told if len(told) <= MAX_TOLD else f"{told[:MAX_TOLD]}... ({len(told)} characters)"

    def _attempt(self) -> Outcome:
        try:
            parameters = self.scraper.module.Parameters.model_validate(self.request.parameters)
            folder(self.scraper.spec, parameters, self.request.game_date)  # before anything is asked in vain
            payload = self._payload(parameters)
            fetched = self._keep(payload, parameters)
            if fetched is not None:
                self.summary["raw_path"] = fetched.raw_path
            parsed: Parsed = self.scraper.module.parse(payload.body, parameters)
            told = findings(parsed, self.request, self.scraper.spec)
            self.summary = {**parsed.summary, **told, **self.summary}
            self._check_date(parsed)
            return self._judge(parsed, parameters, fetched)
        except Unavailable:
            raise
        except NotPublished as error:
            return NoData(reason=self._told(str(error)))
        except ScrapeFailure as error:
            return Failed(kind=error.kind, message=self._told(str(error) or type(error).__name__))
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            return Failed(kind=FailureKind.INTERNAL, message=self._told(f"{error.title}: {faults}"))
        except Exception as error:  # noqa: BLE001  # an unforeseen error is a fact about this scrape, and only `failed`
            trace = "".join(traceback.format_exception(error))
            log.error(
                "scraper raised an unforeseen error",
                extra={
                    "scraper": self.request.scraper,
                    "exception": self.redactor.redact(trace) if self.redactor else trace,
                },
            )
            return Failed(kind=FailureKind.INTERNAL, message=self._told(f"{type(error).__name__}: {error}"))

    def _payload(self, parameters: ScrapeParameters) -> Payload:
        with self.open_http(self.scraper.spec, self.now, self.request.event_time is not None) as http:
            self.redactor = http.redactor
            if self.saved is not None:
                return self._saved(self.saved)
            try:
                payload: Payload = self.scraper.module.fetch(parameters, http)
            finally:
                self.retries = http.retries
                self.summary.update(http.notes)
        payload = replace(payload, url=http.redactor.redact(payload.url))
        self.summary["source_url"] = payload.url
        return payload

    def _saved(self, saved: Saved) -> Payload:
        if saved.fetched is not None:
            self.retries = saved.fetched.retries
            self.summary.update(saved.fetched.summary)
        return Payload(saved.body, "file", "saved")

    def _keep(self, payload: Payload, parameters: ScrapeParameters) -> Fetched | None:
        """Keeps the payload before anything is made of it; None when nothing is written."""
        if self.data is None:
            return None
        if self.saved is not None and self.saved.fetched is not None:
            return self.saved.fetched
        target = folder(self.scraper.spec, parameters, self.request.game_date)
        fetched = Fetched(
            raw_path=write_payload(payload, target, self.opts, self.now, self.data),
            fetched_at=self.now,
            retries=self.retries,
            summary=_redacted(self.summary, self.redactor) if self.redactor else self.summary,
        )
        if self.remember is not None:
            self.remember(fetched)
        return fetched

    @property
    def opts(self) -> dict[str, str]:
        """The request's parameters as far as scraper.yaml declares them: what may be kept and logged."""
        declared = self.scraper.spec.parameters
        return {name: value for name, value in self.request.parameters.items() if name in declared}

    def _check_date(self, parsed: Parsed) -> None:
        """A document about another day than was asked for is no success for the day asked for."""
        if parsed.about is None or parsed.about == self.request.game_date:
            return
        if self.saved is not None and not self.saved.dated:
            parameters = {**self.request.parameters, GAME_DATE: parsed.about.isoformat()}
            self.request = self.request.model_copy(
                update={"game_date": parsed.about, "parameters": parameters}
            )
            return
        raise SourceChanged(f"asked for {self.request.game_date}, the document is about {parsed.about}")

    def _judge(self, parsed: Parsed, parameters: ScrapeParameters, fetched: Fetched | None) -> Outcome:
        count, spec = len(parsed.records), self.scraper.spec
        # Before all else: of a document that is not of the present not even its emptiness is news.
        if parsed.suspect:
            return Failed(kind=FailureKind.SOURCE_CHANGED, message=parsed.suspect)
        if count == 0 and parsed.empty_reason:
            return NoData(reason=self._told(parsed.empty_reason))
        if not spec.assertions.min <= count <= spec.assertions.max:
            expected = f"between {spec.assertions.min} and {spec.assertions.max} are expected"
            return Failed(kind=FailureKind.SOURCE_CHANGED, message=f"{count} records; {expected}")
        self.fan_out = self._declared(parsed.fan_out)
        if self.data is None or fetched is None:
            return Success(record_count=count, gcs_path=None)
        if lost := self._lost(parsed, fetched, self.data):
            return Failed(kind=FailureKind.SOURCE_CHANGED, message=lost)
        target = folder(spec, parameters, self.request.game_date)
        path, digest = write_records(
            parsed, spec, self.request, target, fetched.fetched_at, self.now, self.data
        )
        self.summary["content_sha256"] = digest
        return Success(record_count=count, gcs_path=path)

    def _lost(self, parsed: Parsed, fetched: Fetched, data: Objects) -> str:
        """What the document lost of the edition before, by the scraper's own measure; blank without that or one."""
        compare: Callable[[Parsed, Records], str] | None = getattr(self.scraper.module, "lost", None)
        if compare is None:
            return ""
        previous = previous_edition(self.scraper.spec, self.request.game_date, fetched.fetched_at, data)
        return compare(parsed, previous) if previous else ""

    def _declared(self, fan_out: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        """A follow-up step that waits for a key that never comes would never run, and one that comes unannounced
        was checked by nobody."""
        declared = self.scraper.spec.fan_out_keys
        if set(fan_out) != set(declared):
            raise Misconfigured(
                f"{self.scraper.spec.name} fans out {_listed(fan_out)}, and 'fan_out_keys' in its scraper.yaml"
                f" declares {_listed(declared)}; make them equal"
            )
        if fault := fan_out_fault(fan_out):
            raise SourceChanged(f"the document fans out over more than an event can hold: {fault}")
        return fan_out


def _redacted(summary: Mapping[str, JsonValue], redactor: SecretRedactor) -> dict[str, JsonValue]:
    return {name: redactor.redact_json(value) for name, value in summary.items()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _headline(outcome: Outcome) -> dict[str, JsonValue]:
    match outcome:
        case Success(record_count=count):
            return {"record_count": count}
        case NoData(reason=reason):
            return {"record_count": 0, "reason": reason}
        case Failed():
            return {}


def _landed(executed: ScrapeExecuted) -> FileLanded | None:
    if not isinstance(executed.outcome, Success) or executed.outcome.gcs_path is None:
        return None
    return build_file_landed(
        gcs_path=executed.outcome.gcs_path,
        scraper_name=executed.scraper_name,
        workflow=executed.workflow,
        game_date=executed.game_date,
        execution_id=executed.execution_id,
        record_count=executed.outcome.record_count,
        content_sha256=str(executed.data_summary["content_sha256"]),
        landed_at=executed.completed_at,
        event_time=executed.completed_at if executed.event_time else None,
    )

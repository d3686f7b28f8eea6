"""One request, run: the only place where what happens becomes Success, NoData or Failed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue, ValidationError

from tipoff_common.answers import answer
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome, Success
from tipoff_common.ports import Objects, Unavailable
from tipoff_scraper_runner.errors import NotPublished, ScrapeFailure, SourceChanged
from tipoff_scraper_runner.files import write_payload, write_records
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


@dataclass(frozen=True)
class Saved:
    """A payload to parse instead of fetching one. `dated` tells that the request's game_date is the payload's for
    certain; otherwise the date that the payload states is taken."""

    body: bytes
    dated: bool


def execute(
    request: ScrapeRequested,
    scraper: Registered,
    *,
    environment: str,
    now: datetime,
    open_http: OpenHttp,
    data: Objects | None,
    saved: Saved | None = None,
) -> Execution:
    """Runs `scraper` for `request`.

    now: the instant of the scrape, the tick's when a day is replayed.
    data: where the raw payload and then the records are written; None writes nothing.

    Raises:
        Unavailable: the bucket did not take the files; nothing came of the request, it is to be delivered again.
    """
    started = time.monotonic()
    run = _Run(request, scraper, now, open_http, data, saved)
    outcome = run.outcome()
    executed = answer(
        run.request,
        outcome,
        environment=environment,
        triggered_at=now,
        completed_at=now + timedelta(seconds=time.monotonic() - started),
        data_summary={**_headline(outcome), **run.summary},
        opts={name: value for name, value in request.parameters.items() if name in scraper.spec.parameters},
        retry_count=run.retries,
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
    summary: dict[str, JsonValue] = field(default_factory=dict)
    retries: int = 0

    def outcome(self) -> Outcome:
        try:
            parameters = self.scraper.module.Parameters.model_validate(self.request.parameters)
            payload = self._payload(parameters)
            if self.data is not None:
                self.summary["raw_path"] = write_payload(payload, self.scraper.spec, self.request, self.data)
            parsed: Parsed = self.scraper.module.parse(payload.body, parameters)
            self.summary.update(parsed.summary)
            self._check_date(parsed)
            return self._judge(parsed)
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
            log.exception("scraper raised an unforeseen error", extra={"scraper": self.request.scraper})
            return Failed(kind=FailureKind.INTERNAL, message=f"{type(error).__name__}: {error}")

    def _payload(self, parameters: ScrapeParameters) -> Payload:
        if self.saved is not None:
            return Payload(self.saved.body, "file", "saved")
        with self.open_http(self.scraper.spec, self.now, self.request.event_time is not None) as http:
            try:
                payload: Payload = self.scraper.module.fetch(parameters, http)
            finally:
                self.retries = http.retries
        self.summary["source_url"] = payload.url
        return payload

    def _check_date(self, parsed: Parsed) -> None:
        """A document about another day than was asked for is no success for the day asked for."""
        if parsed.about is None or parsed.about == self.request.game_date:
            return
        if self.saved is not None and not self.saved.dated:
            self.request = self.request.model_copy(update={"game_date": parsed.about})
            return
        raise SourceChanged(f"asked for {self.request.game_date}, the document is about {parsed.about}")

    def _judge(self, parsed: Parsed) -> Outcome:
        count, spec = len(parsed.records), self.scraper.spec
        if count == 0 and parsed.empty_reason:
            return NoData(reason=parsed.empty_reason)
        if not spec.assertions.min <= count <= spec.assertions.max:
            expected = f"between {spec.assertions.min} and {spec.assertions.max} are expected"
            return Failed(kind=FailureKind.SOURCE_CHANGED, message=f"{count} records; {expected}")
        if self.data is None:
            return Success(record_count=count, gcs_path=None)
        path, digest = write_records(parsed, spec, self.request, self.now, self.data)
        self.summary["content_sha256"] = digest
        return Success(record_count=count, gcs_path=path)


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

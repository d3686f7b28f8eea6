"""Conversion of an exception during a scrape into an outcome."""

import logging
import traceback

from pydantic import ValidationError

from tipoff_common.events import ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind, NoData
from tipoff_scraper_runner.errors import NotPublished, ScrapeFailure, Unforeseen
from tipoff_scraper_runner.judgement import Show
from tipoff_scraper_runner.secret_redactor import SecretRedactor

log = logging.getLogger(__name__)


FLEET_ERRORS = (Exception, SystemExit)
"""Errors that a fleet's code may raise. SystemExit is included: a sys.exit() in a scraper must not end the service."""


def outcome_of_error(
    error: BaseException, request: ScrapeRequested, redactor: SecretRedactor, show: Show
) -> NoData | Failed:
    """Convert a scraper's exception to an outcome; log the trace of an unforeseen one.

    Never raises, even when the exception's own `__str__` or attributes fail.
    """
    try:
        return _outcome(error, request, redactor, show)
    # The exception's class may be the fleet's own: its __str__ may raise, and its `not_before` may be no instant.
    except FLEET_ERRORS as fault:
        detail = validation_faults(fault) if isinstance(fault, ValidationError) else type(fault).__name__
        return Failed(
            kind=FailureKind.INTERNAL,
            message=show(f"{type(error).__name__} cannot be converted to an outcome: {detail}"),
        )


def _outcome(
    error: BaseException, request: ScrapeRequested, redactor: SecretRedactor, show: Show
) -> NoData | Failed:
    match error:
        # The only exception that becomes no_data: exhausted retries and timeouts were once logged as no_data as well.
        case NotPublished():
            return NoData(reason=show(str(error) or "not published yet"))
        # Before ScrapeFailure, its base class: its trace comes from the process that parsed.
        case Unforeseen(trace=trace):
            _log_trace(trace, request, redactor)
            return Failed(kind=error.kind, message=show(str(error)))
        case ScrapeFailure():
            message = show(str(error) or type(error).__name__)
            # The trace of a foreseen failure still shows the maintainer which line refused the response.
            trace = "".join(traceback.format_exception(error))
            log.info("scraper failed", extra={"exception": redactor.redact(trace)})
            return Failed(
                kind=error.kind,
                message=message,
                not_before=error.not_before,
                paused_host=error.paused_host,
            )
        # The scraper built an invalid record. Name the fields, as a trace would only show pydantic.
        case ValidationError():
            return Failed(kind=FailureKind.INTERNAL, message=show(validation_faults(error)))
    # An unforeseen error is a fault of the code until it is diagnosed: never `no_data`, which means "not published
    # yet".
    _log_trace("".join(traceback.format_exception(error)), request, redactor)
    return Failed(kind=FailureKind.INTERNAL, message=show(f"{type(error).__name__}: {error}"))


def validation_faults(error: ValidationError) -> str:
    """Return one line that names each field and its fault."""
    faults = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return f"{error.title}: {'; '.join(faults)}"


def _log_trace(trace: str, request: ScrapeRequested, redactor: SecretRedactor) -> None:
    log.error(
        "scraper raised an unexpected error",
        extra={"scraper": request.scraper, "exception": redactor.redact(trace)},
    )

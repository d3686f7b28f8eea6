"""Pure decisions about a parsed document: its day, its volume and its texts."""

from collections.abc import Callable, Iterable

from tipoff_common.catalog import GAME_DATE, ScraperSpec
from tipoff_common.events import ScrapeRequested
from tipoff_common.executions import fan_out_fault
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_scraper_runner.errors import Misconfigured, NotPublished, SourceChanged
from tipoff_scraper_runner.fake_sources import VIA_FAKE
from tipoff_scraper_runner.scraper import Parsed
from tipoff_scraper_runner.secret_redactor import SecretRedactor

MAX_TEXT = 2000
"""Longest reason or message, in characters; a source's text may have any length."""

Show = Callable[[str], str]
"""Converts a text of a source or scraper for use in an outcome."""


def dated(request: ScrapeRequested, parsed: Parsed) -> ScrapeRequested:
    """Return the request with the document's day, if the document states one."""
    # Most documents state no day; the requested one stays.
    if parsed.about is None or parsed.about == request.game_date:
        return request
    parameters = {**request.parameters, GAME_DATE: parsed.about.isoformat()}
    return request.model_copy(update={"game_date": parsed.about, "parameters": parameters})


def require_day(request: ScrapeRequested, parsed: Parsed) -> None:
    """Refuse a document about another day than the requested one: a success would end the search for that day.

    Raises:
        NotPublished: it is about an earlier day, as a page is until it is replaced by the next day's.
        SourceChanged: it is about a later day, or it is about an earlier day and suspect.
    """
    if parsed.about is None or parsed.about == request.game_date:
        return
    # An earlier day's document is the commonest form of late. One that is frozen or of last season is a fault all the
    # same.
    if parsed.about < request.game_date and not parsed.suspect:
        raise NotPublished(f"requested {request.game_date}, but the document is still that of {parsed.about}")
    raise SourceChanged(f"requested {request.game_date}, but the document is about {parsed.about}")


def judged(parsed: Parsed, spec: ScraperSpec, show: Show) -> Success | NoData | Failed:
    """Return the outcome by the document's own statements and the number of records; a success has no path yet.

    show: converts a source's text for use in an outcome.

    Raises:
        Misconfigured: a success fans out over other keys than scraper.yaml declares. A follow-up step for a missing key
            would never run, and an undeclared key was never validated.
        SourceChanged: it fans out over more than an event can hold.
    """
    count = len(parsed.records)
    # Check this first: in an outdated document not even emptiness is information.
    if parsed.suspect:
        return Failed(kind=FailureKind.SOURCE_CHANGED, message=show(parsed.suspect))
    # An empty document needs a reason: without one the layout may have changed.
    if count == 0 and parsed.empty_reason:
        return NoData(reason=show(parsed.empty_reason))
    # Check declared bounds instead of "more than none": 203 players were once logged as no_data, 0 records as a
    # success.
    if not spec.assertions.min <= count <= spec.assertions.max:
        expected = f"between {spec.assertions.min} and {spec.assertions.max} are expected"
        return Failed(kind=FailureKind.SOURCE_CHANGED, message=f"{count} records; {expected}")
    if set(parsed.fan_out) != set(spec.fan_out_keys):
        raise Misconfigured(
            f"{spec.name} fans out over {_listed(parsed.fan_out)}, but 'fan_out_keys' in its scraper.yaml"
            f" declares {_listed(spec.fan_out_keys)}; make them equal{_fan_out_example(parsed, spec)}"
        )
    if fault := fan_out_fault(parsed.fan_out):
        raise SourceChanged(f"the fan-out values of the document do not fit into an event: {fault}")
    return Success(record_count=count, gcs_path=None)


def shown(text: str, redactor: SecretRedactor, *, faked: bool) -> str:
    """Return the text redacted, encodable as UTF-8, marked when it is from a fake source, and cut to MAX_TEXT.

    Redaction comes before the cut: a secret that is cut in two would not be recognised.
    """
    # Escape unpaired surrogates, which a source's text may hold.
    redacted = redactor.redact(text).encode("utf-8", "backslashreplace").decode()
    if faked and VIA_FAKE not in redacted:
        redacted += VIA_FAKE
    return redacted if len(redacted) <= MAX_TEXT else f"{redacted[:MAX_TEXT]}... ({len(redacted)} characters)"


def _fan_out_example(parsed: Parsed, spec: ScraperSpec) -> str:
    """Return the code that gives values for the first declared key without any; empty if there is no such key."""
    missing = next((key for key in spec.fan_out_keys if key not in parsed.fan_out), None)
    return f': parse returns Parsed(..., fan_out={{"{missing}": (...)}})' if missing else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"

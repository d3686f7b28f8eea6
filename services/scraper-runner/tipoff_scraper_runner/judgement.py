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
"""Characters of a reason or message that are kept; a source's text may be of any length."""

Show = Callable[[str], str]
"""Makes a text of a source or scraper fit for an outcome."""


def dated(request: ScrapeRequested, parsed: Parsed) -> ScrapeRequested:
    """Return the request, about the day that the document states."""
    # Most documents do not say; then the day asked for is all there is.
    if parsed.about is None or parsed.about == request.game_date:
        return request
    parameters = {**request.parameters, GAME_DATE: parsed.about.isoformat()}
    return request.model_copy(update={"game_date": parsed.about, "parameters": parameters})


def require_day(request: ScrapeRequested, parsed: Parsed) -> None:
    """Refuse a document about another day than was asked for: it would end the search for that day.

    Raises:
        NotPublished: it is about an earlier day, as a page is until the next day's takes its place.
        SourceChanged: it is about a later day, or is suspect whichever day it is about.
    """
    if parsed.about is None or parsed.about == request.game_date:
        return
    # Nothing changed: the commonest form of late. A document that is frozen or of last season is broken all the same.
    if parsed.about < request.game_date and not parsed.suspect:
        raise NotPublished(f"asked for {request.game_date}, the document is still that of {parsed.about}")
    raise SourceChanged(f"asked for {request.game_date}, the document is about {parsed.about}")


def judged(parsed: Parsed, spec: ScraperSpec, show: Show) -> Success | NoData | Failed:
    """Return the outcome by what the document says of itself and by the number of records; a success has no path yet.

    show: makes a source's text fit to be shown.

    Raises:
        Misconfigured: a success fans out over other keys than scraper.yaml declares. A follow-up step that waits for a
            key that never comes would never run, and one that comes undeclared was checked by nobody.
        SourceChanged: it fans out over more than an event can hold.
    """
    count = len(parsed.records)
    # Before all else: of a document that is not of the present not even its emptiness is news.
    if parsed.suspect:
        return Failed(kind=FailureKind.SOURCE_CHANGED, message=show(parsed.suspect))
    # Emptiness counts only with a reason: without one it is what a changed layout looks like.
    if count == 0 and parsed.empty_reason:
        return NoData(reason=show(parsed.empty_reason))
    # By declared bounds and not by "more than none": 203 players were once logged as
    # no_data, 0 records as a success.
    if not spec.assertions.min <= count <= spec.assertions.max:
        expected = f"between {spec.assertions.min} and {spec.assertions.max} are expected"
        return Failed(kind=FailureKind.SOURCE_CHANGED, message=f"{count} records; {expected}")
    if set(parsed.fan_out) != set(spec.fan_out_keys):
        raise Misconfigured(
            f"{spec.name} fans out {_listed(parsed.fan_out)}, and 'fan_out_keys' in its scraper.yaml"
            f" declares {_listed(spec.fan_out_keys)}; make them equal"
        )
    if fault := fan_out_fault(parsed.fan_out):
        raise SourceChanged(f"the document fans out over more than an event can hold: {fault}")
    return Success(record_count=count, gcs_path=None)


def shown(text: str, redactor: SecretRedactor, *, faked: bool) -> str:
    """Return the text redacted, as UTF-8 can hold it, marked when a fake source is behind it, and no longer than a
    person reads.

    In this order: were a text cut before it is redacted, a secret that is cut in two would not be recognised.
    """
    # An unpaired surrogate, which a source's text may have, is written as its escape.
    redacted = redactor.redact(text).encode("utf-8", "backslashreplace").decode()
    if faked and VIA_FAKE not in redacted:
        redacted += VIA_FAKE
    return redacted if len(redacted) <= MAX_TEXT else f"{redacted[:MAX_TEXT]}... ({len(redacted)} characters)"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"

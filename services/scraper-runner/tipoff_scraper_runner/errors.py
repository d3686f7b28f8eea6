"""Exceptions that a scraper may raise. The runner turns each into an outcome; anything else is `failed`/`internal`."""

from datetime import datetime
from typing import ClassVar

from tipoff_common.outcomes import FailureKind


class NotPublished(Exception):
    """The request was correct, and the source has not published the document yet."""


class ScrapeFailure(Exception):
    """A real error; subclasses carry the failure kind."""

    kind: ClassVar[FailureKind] = FailureKind.INTERNAL
    not_before: datetime | None = None
    """The earliest instant of the next request, where the source named one."""
    paused_host: str | None = None
    """The host that named `not_before`."""


class Unforeseen(ScrapeFailure):
    """The parser's process caught an exception that no scraper should raise. trace: that process's traceback."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace

    def __reduce__(self) -> tuple[type["Unforeseen"], tuple[str, str]]:
        """Pickle all arguments: the default keeps only the first."""
        return Unforeseen, (str(self), self.trace)


class Misconfigured(ScrapeFailure):
    """This installation, or the scraper's description, lacks something that the scraper needs; the message names it."""


class UnusablePath(ScrapeFailure):
    """A parameter's value cannot be part of an object's path; the message names both."""


class TimedOut(ScrapeFailure):
    """The source did not respond within the scraper's timeout."""

    kind = FailureKind.TIMEOUT


class HttpFailure(ScrapeFailure):
    """The source returned an error status, or could not be reached."""

    kind = FailureKind.HTTP


class TooLarge(HttpFailure):
    """The source sends more than one scrape may fetch; an immediate retry would only fetch it again."""

    kind = FailureKind.DECODE


class Blocked(ScrapeFailure):
    """The source refuses this client: documents known to exist are refused too."""

    kind = FailureKind.BLOCKED


class QuotaSpent(ScrapeFailure):
    """The source serves no more for now: a paid allowance is used up, or the source asks for a long pause."""

    kind = FailureKind.QUOTA


class RetryAfter(HttpFailure):
    """The source asked for a pause that ends later than this scrape can wait."""

    # Not HTTP, which is retried at once: no retry may come before that instant.
    kind = FailureKind.QUOTA

    def __init__(self, message: str, not_before: datetime, host: str) -> None:
        super().__init__(message)
        self.not_before, self.paused_host = not_before, host


class SourceChanged(ScrapeFailure):
    """The document exists, but not in the known shape or at the known place."""

    kind = FailureKind.SOURCE_CHANGED


class Undecodable(ScrapeFailure):
    """The payload does not have the expected format; the message shows its first bytes."""

    kind = FailureKind.DECODE


class TooCostly(Undecodable):
    """Decoding or parsing the payload would take more memory or time than one scrape may have."""

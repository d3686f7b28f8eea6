"""Exceptions that a scraper may raise. The runner turns each into an outcome; anything else is `failed`/`internal`."""

from datetime import datetime
from typing import ClassVar

from tipoff_common.outcomes import FailureKind


class NotPublished(Exception):
    """The source was asked properly and has not published the document yet."""


class ScrapeFailure(Exception):
    """A real error; subclasses carry the failure kind."""

    kind: ClassVar[FailureKind] = FailureKind.INTERNAL
    not_before: datetime | None = None
    """The instant before which the source is not to be asked again, where it named one."""
    paused_host: str | None = None
    """The host that named it."""


class Unforeseen(ScrapeFailure):
    """A parser in a process of its own raised what no scraper should raise. trace: that process's traceback."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace

    def __reduce__(self) -> tuple[type["Unforeseen"], tuple[str, str]]:
        """Pickle the exception by all its arguments: by default only the first would survive."""
        return Unforeseen, (str(self), self.trace)


class Misconfigured(ScrapeFailure):
    """This installation, or the scraper's description, lacks what the scraper needs; the message names it."""


class UnusablePath(ScrapeFailure):
    """A parameter's value cannot be part of an object's path; the message names both."""


class TimedOut(ScrapeFailure):
    """The source did not answer within the scraper's timeout."""

    kind = FailureKind.TIMEOUT


class HttpFailure(ScrapeFailure):
    """The source answered with an error status, or could not be reached."""

    kind = FailureKind.HTTP


class TooLarge(HttpFailure):
    """The source sends more than one scrape may fetch; asking again at once would only fetch it again."""

    kind = FailureKind.DECODE


class Blocked(ScrapeFailure):
    """The source refuses this client: documents known to exist are refused too."""

    kind = FailureKind.BLOCKED


class QuotaSpent(ScrapeFailure):
    """The source gives no more for now: a paid allowance is used up, or it asks for a long pause."""

    kind = FailureKind.QUOTA


class ToldToWait(HttpFailure):
    """The source named an instant before which it is not to be asked again, later than this scrape can wait for."""

    # Not HTTP, which is asked for again at once: no retry may come before that instant.
    kind = FailureKind.QUOTA

    def __init__(self, message: str, not_before: datetime, host: str) -> None:
        super().__init__(message)
        self.not_before, self.paused_host = not_before, host


class SourceChanged(ScrapeFailure):
    """The document is there, but not in the shape or at the place that is known."""

    kind = FailureKind.SOURCE_CHANGED


class Undecodable(ScrapeFailure):
    """The payload is not of the format it should be; the message shows its first bytes."""

    kind = FailureKind.DECODE


class TooCostly(Undecodable):
    """Decoding or parsing the payload would take more memory or time than one scrape may have."""

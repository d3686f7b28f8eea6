"""What a scraper may raise. The runner turns each into an outcome; anything else is `failed`/`internal`."""

from typing import ClassVar

from tipoff_common.outcomes import FailureKind


class NotPublished(Exception):
    """The source was asked properly and has not published the document yet."""


class ScrapeFailure(Exception):
    """A real error; subclasses carry the failure kind."""

    kind: ClassVar[FailureKind] = FailureKind.INTERNAL


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


class Blocked(ScrapeFailure):
    """The source refuses this client: documents known to exist are refused too."""

    kind = FailureKind.BLOCKED


class QuotaSpent(ScrapeFailure):
    """The paid allowance of the source is used up."""

    kind = FailureKind.QUOTA


class SourceChanged(ScrapeFailure):
    """The document is there, but not in the shape or at the place that is known."""

    kind = FailureKind.SOURCE_CHANGED


class Undecodable(ScrapeFailure):
    """The payload is not of the format it should be; the message shows its first bytes."""

    kind = FailureKind.DECODE

"""Hosts that a local fake answers for, and the mark that distinguishes its responses from the real source's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

VIA_FAKE = " (via fake)"
"""Appended to the address of every response from a fake, so that no reader takes it for the source's."""

FAKED = "via_fake"
"""Key of an execution's summary: the host that a fake answered for."""

NOT_SERVED = 501
"""The status of a fake that does not have the document; no scraped source uses it."""


@dataclass(frozen=True)
class FakeSources:
    """The fakes of a local stack; none in any other environment."""

    urls: Mapping[str, str] = field(default_factory=dict)
    """Address of the fake by the host it answers for; a document is at <address>/<host>/<path>."""

    def __bool__(self) -> bool:
        return bool(self.urls)

    def address(self, url: str) -> str | None:
        """Return the fake's address of a document; None when the request goes to the real source."""
        parts = urlsplit(url)
        fake = self.urls.get(parts.hostname or "")
        # A source on this machine belongs to the developer: request it directly, even when the map has a fake for it.
        if fake is None or is_loopback(parts.hostname or ""):
            return None
        # The host goes into the path, so that one fake can serve all hosts.
        query = f"?{parts.query}" if parts.query else ""
        return f"{fake.rstrip('/')}/{parts.netloc}{parts.path}{query}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: localhost, a name below it, 127.0.0.0/8 or ::1."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

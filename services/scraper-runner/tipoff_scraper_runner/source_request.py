"""One GET request to a source: the address to send, and the address to show."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urljoin, urlsplit

from pydantic import SecretStr

from tipoff_scraper_runner.errors import Blocked, HttpFailure

Values = Mapping[str, str | SecretStr]


@dataclass(frozen=True)
class SourceRequest:
    """One GET request."""

    shown: str
    """The address without its secret parameters."""
    secret_query: str
    """The secret parameters, encoded."""
    headers: Mapping[str, str]
    """Headers to send, with secrets in plain text."""

    @property
    def url(self) -> str:
        """The address to send, secret parameters included; never log it."""
        return _joined(self.shown, self.secret_query)

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.shown).netloc

    def redirected(self, location: str, *, shown: str) -> "SourceRequest":
        """Build the request that follows a redirect to `location`. shown: the location without secrets.

        Raises:
            Blocked: it leads to another host, or out of TLS.
            HttpFailure: it is no valid address.
        """
        try:
            target = urljoin(self.shown, location)
            stays = _stays(self.shown, target)
            host = urlsplit(urljoin(self.shown, shown)).hostname or shown[:100]
        except ValueError as error:
            raise HttpFailure(f"{self.shown} redirects to an invalid address: {shown[:100]!r}") from error
        if not stays:
            raise Blocked(
                f"{self.shown} redirects to another host, {host}; redirects are followed on one host only"
            )
        # Drop the secret parameters: the location holds every parameter that the source needs.
        return replace(self, shown=target, secret_query="")


def source_request(url: str, query: Values, headers: Values) -> SourceRequest:
    """Build a request; a parameter or header whose value is a SecretStr is sent and never shown."""
    # Secrets are distinguished by type and not by name: a SecretStr cannot get into a text by accident.
    public = {key: value for key, value in query.items() if isinstance(value, str)}
    return SourceRequest(
        shown=_joined(url, _encoded(public)),
        secret_query=_encoded({key: _plain(value) for key, value in query.items() if key not in public}),
        headers={key: _plain(value) for key, value in headers.items()},
    )


def _plain(value: str | SecretStr) -> str:
    return value if isinstance(value, str) else value.get_secret_value()


def _encoded(values: Mapping[str, str]) -> str:
    return urlencode(values, safe=",:")  # sources write lists and instants with these unescaped


def _joined(url: str, query: str) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _stays(old: str, new: str) -> bool:
    """Return whether `new` is on the host and port of `old`, or is its host by https instead of http, both on their
    default ports. Raises ValueError."""
    before, after = urlsplit(old), urlsplit(new)
    # Compare the port too: another port of a host is another service, and may be an internal one.
    if after.scheme == before.scheme:
        return after.netloc.lower() == before.netloc.lower()
    return (
        (before.scheme, after.scheme) == ("http", "https")
        and after.hostname == before.hostname
        and before.port in (None, 80)
        and after.port in (None, 443)
        and "@" not in after.netloc
    )

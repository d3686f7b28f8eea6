"""The secrets of one execution, and their redaction in every text that leaves the process."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import JsonValue, SecretStr

from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner.errors import Misconfigured

FAKE_VALUE = "local"
"""The value of every secret for fake sources, which need none."""

MIN_LENGTH = 8
"""Minimum length of a secret; a shorter one would be found, and masked, in ordinary words."""

_MASK = "***"


class SecretRedactor:
    """Reads declared secrets from the environment variables of the same name, and masks them in texts.

    proxy_url: its user and password are sent with every request, so they are redacted as well.
    """

    def __init__(
        self,
        spec: ScraperSpec,
        environ: Mapping[str, str],
        *,
        fake: bool,
        proxy_url: str | None = None,
    ) -> None:
        self._spec, self._environ, self._fake = spec, environ, fake
        self._faked: list[str] = []
        # Computed once: every text of the execution is searched for all spellings.
        self._spellings = {
            spelling
            for name in spec.secrets
            if len(value := self._value(name)) >= MIN_LENGTH
            for spelling in _spellings(value)
        }
        # A proxy's own error pages repeat the whole credential or only the password.
        if credential := proxy_credential(proxy_url or ""):
            user, _, password = credential.partition(":")
            self._spellings |= {*_spellings(credential), *_spellings(password or user)}

    def secret(self, name: str) -> SecretStr:
        """Return the secret, stripped of whitespace: no key has any at its ends, and files often end with a newline.

        Raises:
            Misconfigured: scraper.yaml does not declare it, or its variable is missing or too short.
        """
        if name not in self._spec.secrets:
            raise Misconfigured(
                f"secret {name} is not declared; add it to 'secrets' in {self._spec.name}'s scraper.yaml"
            )
        if value := self._value(name):
            if len(value) < MIN_LENGTH:
                raise Misconfigured(
                    f"secret {name} has fewer than {MIN_LENGTH} characters; set the environment variable {name}"
                    " to the key from the source"
                )
            return SecretStr(value)
        # Record the name, so that the placeholder is never sent to a real host.
        if self._fake:
            self._faked.append(name)
            return SecretStr(FAKE_VALUE)
        raise _missing(name)

    def refuse_fake_values(self) -> None:
        """Raise when a placeholder was given out; call this before a request to a real source.

        Raises:
            Misconfigured: a placeholder was given out, because the secret's variable is not set.
        """
        if self._faked:
            raise _missing(self._faked[0])

    def _value(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def redact(self, text: str) -> str:
        """Return `text` with *** for each secret of the scraper, in every spelling."""
        for spelling in self._longest_first():
            text = text.replace(spelling, _MASK)
        return text

    def redact_bytes(self, body: bytes) -> bytes:
        """Return `body` with *** for each secret in UTF-8; the body need not be text."""
        for spelling in self._longest_first():
            body = body.replace(spelling.encode(), _MASK.encode())
        return body

    def redact_json(self, value: JsonValue) -> JsonValue:
        """Return `value` with every text in it redacted, including keys."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, list):
            return [self.redact_json(item) for item in value]
        # Keys too: a source that echoes a query makes its parameters into keys.
        if isinstance(value, dict):
            return {self.redact(key): self.redact_json(item) for key, item in value.items()}
        return value

    def _longest_first(self) -> list[str]:
        # A short spelling may be part of a long one; replaced first, it would leave the rest of the long one.
        return sorted(self._spellings, key=len, reverse=True)


def _missing(name: str) -> Misconfigured:
    return Misconfigured(f"secret {name} is missing; set the environment variable {name}")


def proxy_credential(proxy_url: str) -> str:
    """Return `user:password` of a proxy's address, or the user alone; "" without one.

    Raises ValueError for an invalid address.
    """
    parts = urlsplit(proxy_url)
    return ":".join(unquote(part) for part in (parts.username, parts.password) if part)


def _spellings(value: str) -> Iterator[str]:
    """Yield the spellings of `value` in a source's response: in a URL, a host name, JSON, HTML, base64, a message."""
    for spelling in (value, quote(value), quote(value, safe=""), quote_plus(value)):
        yield spelling
        yield spelling.lower()  # as a host name, which clients write in lower case
        yield re.sub("%..", lambda code: code[0].lower(), spelling)
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    yield from in_json
    yield from (spelling.replace("/", r"\/") for spelling in in_json)  # as PHP writes JSON
    yield escape(value)
    yield repr(value)[1:-1]
    yield repr(value.encode())[2:-1]
    for encoded in (b64encode(value.encode()), urlsafe_b64encode(value.encode())):
        yield encoded.decode().rstrip("=")  # the padding depends on the text that follows

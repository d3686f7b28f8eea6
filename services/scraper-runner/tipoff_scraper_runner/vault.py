"""The secrets of one execution: read when they are used, and kept out of every text that leaves the process."""

from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from pydantic import JsonValue, SecretStr

from tipoff_common.catalog import ScraperSpec
from tipoff_scraper_runner.errors import Misconfigured

STAND_IN = "local"
"""Every secret's value towards the upstream stand-in, which asks for none."""

_MASK = "***"


class Vault:
    """Gives the secrets that scraper.yaml declares, each from the environment variable of that very name."""

    def __init__(self, spec: ScraperSpec, environ: Mapping[str, str], *, stand_in: bool) -> None:
        self._spec, self._environ, self._stand_in = spec, environ, stand_in
        self._spellings = {
            spelling
            for name in spec.secrets
            if (value := self._value(name))
            for spelling in _spellings(value)
        }

    def secret(self, name: str) -> SecretStr:
        """The secret without the blanks and line ends around it, which no key has and many a file ends with.

        Raises:
            Misconfigured: scraper.yaml does not declare it, or its variable is not set.
        """
        if name not in self._spec.secrets:
            raise Misconfigured(
                f"secret {name} is not declared; add it to 'secrets' in {self._spec.name}'s scraper.yaml"
            )
        if value := self._value(name):
            return SecretStr(value)
        if self._stand_in:
            return SecretStr(STAND_IN)
        raise Misconfigured(f"secret {name} is missing; set the environment variable {name}")

    def _value(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def redacted(self, text: str) -> str:
        """`text` with *** for each secret of the scraper, as it is and as it stands in a URL."""
        for spelling in sorted(self._spellings, key=len, reverse=True):
            text = text.replace(spelling, _MASK)
        return text

    def redacted_json(self, value: JsonValue) -> JsonValue:
        """`value` with every text in it redacted, keys too."""
        if isinstance(value, str):
            return self.redacted(value)
        if isinstance(value, list):
            return [self.redacted_json(item) for item in value]
        if isinstance(value, dict):
            return {self.redacted(key): self.redacted_json(item) for key, item in value.items()}
        return value


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}

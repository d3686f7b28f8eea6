"""The runner's `Http`, with the fake sources of this process as its answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

import httpx
from pydantic import JsonValue, SecretStr

from tipoff_dev.fakes.sources.app import EVENT_TIME_HEADER
from tipoff_scraper_runner.scraper import Response


@dataclass
class FakeHttp:
    """A client of the fake sources at one instant."""

    client: httpx.Client
    now: datetime
    requested_urls: list[str] = field(default_factory=list)
    """The URLs, in order."""
    notes: dict[str, JsonValue] = field(default_factory=dict)
    """Notes of the scraper."""

    def secret(self, name: str) -> SecretStr:
        return SecretStr(f"a-secret-called-{name}")

    def note(self, name: str, value: JsonValue) -> None:
        self.notes[name] = value

    def get(
        self,
        url: str,
        *,
        query: Mapping[str, str | SecretStr] = {},
        headers: Mapping[str, str | SecretStr] = {},
        expected: frozenset[int] = frozenset(),
    ) -> Response:
        """Send a request; as in the runner, Response.url has the query without its secrets."""
        sent = {**_plain(headers), EVENT_TIME_HEADER: self.now.isoformat()}
        answer = self.client.get("/" + url.removeprefix("https://"), params=_plain(query), headers=sent)
        assert answer.is_success or answer.status_code in expected, f"{url} answered {answer.status_code}"
        visible_query = urlencode({name: value for name, value in query.items() if isinstance(value, str)})
        shown_url = f"{url}?{visible_query}" if visible_query else url
        self.requested_urls.append(shown_url)
        return Response(answer.status_code, shown_url, dict(answer.headers), answer.content)

    def fault(self, **fault: object) -> None:
        assert self.client.post("/control/faults", json=fault).status_code == 201


def _plain(values: Mapping[str, str | SecretStr]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else value.get_secret_value() for name, value in values.items()
    }


HttpAt = Callable[[str], FakeHttp]
"""Function that returns the fake sources at an instant, such as "2025-01-15T12:39:00-05:00"."""

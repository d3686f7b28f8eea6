"""The runner's `Http`, speaking to the upstream stand-in in this process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from tipoff_local.upstream.app import EVENT_TIME_HEADER
from tipoff_scraper_runner.scraper import Response


@dataclass
class StandInHttp:
    """The stand-in as it answers at one instant. asked: the URLs, in order."""

    client: httpx.Client
    now: datetime
    asked: list[str] = field(default_factory=list)

    def get(
        self, url: str, *, headers: Mapping[str, str] = {}, expected: frozenset[int] = frozenset()
    ) -> Response:
        self.asked.append(url)
        answer = self.client.get(
            "/" + url.removeprefix("https://"), headers={**headers, EVENT_TIME_HEADER: self.now.isoformat()}
        )
        assert answer.is_success or answer.status_code in expected, f"{url} answered {answer.status_code}"
        return Response(answer.status_code, url, dict(answer.headers), answer.content)

    def fault(self, **fault: object) -> None:
        assert self.client.post("/control/faults", json=fault).status_code == 201


HttpAt = Callable[[str], StandInHttp]
"""Gives the stand-in at an instant, such as "2025-01-15T12:39:00-05:00"."""

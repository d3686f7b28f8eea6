"""Test bench for the runner: an in-memory service over a source that the test provides."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from tests.support.samples import NOON
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.publisher import Publisher
from tipoff_common.testing import MemoryObjects, RecordingBus
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.parser import Parse, parse_in_process
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import Registry
from tipoff_scraper_runner.request_memory import RequestMemory

Source = Callable[[httpx.Request], httpx.Response]


def text(content: str) -> Source:
    """Return a source that always answers with this text."""
    return lambda _request: httpx.Response(200, text=content)


@dataclass
class Bench:
    """An in-memory runner with a source that the test provides."""

    registry: Registry
    bus: RecordingBus
    state: MemoryObjects
    data: MemoryObjects
    source: Source = field(default_factory=lambda: text("a\nb\nc\n"))
    requested_urls: list[str] = field(default_factory=list)
    """Requested addresses, in order."""
    opened: list[tuple[datetime, bool]] = field(default_factory=list)
    """(now, replaying) of each execution."""
    writes: Executor | None = None
    parse: Parse = parse_in_process

    def open_http(self, spec: ScraperSpec, now: datetime, replaying: bool) -> HttpxHttp:
        self.opened.append((now, replaying))
        pacer = Pacer(sleep=lambda _seconds: None)
        return HttpxHttp(spec, now, pacer, replaying=replaying, transport=httpx.MockTransport(self._answer))

    def execute(self, request: ScrapeRequested, now: datetime = NOON) -> Execution:
        return execute(
            request,
            self.registry[request.scraper],
            environment="local",
            now=now,
            open_http=self.open_http,
            data=self.data,
        )

    def run(self, request: ScrapeRequested, now: datetime = NOON) -> ScrapeExecuted:
        self.state.now = now
        return run_request(request, self.deps(), now)

    def deps(self) -> Deps:
        return Deps(
            environment="local",
            registry=self.registry,
            memory=RequestMemory(self.state),
            data=self.data,
            publisher=Publisher("scraper-runner", self.bus),
            open_http=self.open_http,
            parse=self.parse,
            writes=self.writes,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requested_urls.append(str(request.url))
        return self.source(request)

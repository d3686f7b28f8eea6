"""Concurrent deliveries of one request to several runners: it is fetched once.

The client is the real one; the store is embedded, and the source is a real HTTP server.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.samples import GAME_DATE, requested
from tests.support.scrapers import FLEET

from gcp_emulators.testing import running
from tipoff_common.adapters.storage import GcsObjects, storage_client
from tipoff_common.catalog import ScraperSpec
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import RecordingBus
from tipoff_scraper_runner.deps import Deps
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.handlers import run_request
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.request_memory import InProgress, RequestMemory

RUNNERS, REQUESTS = 4, 200
NOW = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)


class Source(ThreadingHTTPServer):
    """A server that answers every path with two lines, and counts the requests for each path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.requests: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Source

    def do_GET(self) -> None:  # the name that http.server calls
        with self.server.lock:
            self.server.requests[self.path] += 1
        body = f"one\n{self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Suppress the log."""


@pytest.fixture
def source() -> Iterator[Source]:
    with Source() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def runners(
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[tuple[Deps, RecordingBus]]]:
    """As many runners as there are instances: each has its own clients, and they share only the buckets."""
    with running("storage") as emulator:
        url = emulator.url
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        admin = storage_client("test", url)
        for bucket in ("state", "data"):
            admin.create_bucket(bucket)
        registry, fakes = load_registry(FLEET), FakeSources({"lines.example": source.url})

        def open_http(spec: ScraperSpec, now: datetime, replaying: bool) -> HttpxHttp:
            return HttpxHttp(spec, now, Pacer(), fakes=fakes, replaying=replaying)

        made = []
        with ThreadPoolExecutor(RUNNERS) as writes:
            for _ in range(RUNNERS):
                client, bus = storage_client("test", url), RecordingBus()
                deps = Deps(
                    environment="local",
                    registry=registry,
                    memory=RequestMemory(GcsObjects(client, "state")),
                    data=GcsObjects(client, "data"),
                    publisher=Publisher("scraper-runner", bus),
                    open_http=open_http,
                    writes=writes,
                )
                made.append((deps, bus))
            yield made


def request(number: int) -> ScrapeRequested:
    """Return a request about a day of its own, as the fixture's source is requested by day."""
    day = GAME_DATE + timedelta(days=number)
    # With an event time the scrape skips the rate limit of a real source.
    return requested(
        request_id=f"request-{number}",
        game_date=day,
        parameters={"game_date": day.isoformat()},
        event_time=NOW,
    )


def test_concurrent_deliveries_of_request_fetch_once(
    runners: list[tuple[Deps, RecordingBus]], source: Source
) -> None:
    together = threading.Barrier(RUNNERS)

    def deliver(runner: int) -> Counter[str]:
        deps, _ = runners[runner]
        ends: Counter[str] = Counter()
        for number in range(REQUESTS):
            together.wait(60)
            try:
                run_request(request(number), deps, NOW)
                ends["done"] += 1
            except InProgress:
                ends["sent away"] += 1
            except Unavailable:
                ends["unavailable"] += 1
        return ends

    with ThreadPoolExecutor(RUNNERS) as pool:
        ends = sum(pool.map(deliver, range(RUNNERS)), Counter())

    assert len(source.requests) == REQUESTS
    assert set(source.requests.values()) == {1}, "a request is fetched once"
    assert ends["unavailable"] == 0
    assert ends["done"] >= REQUESTS
    executed = [event for _, bus in runners for event in bus.of(ScrapeExecuted)]
    assert {event.execution_id for event in executed} == {f"request-{number}" for number in range(REQUESTS)}
    assert len({event.run_id for event in executed}) == REQUESTS, "one result for each request"

    # Requests that were refused are delivered again, and find the outcome.
    for number in range(REQUESTS):
        deps, bus = runners[number % RUNNERS]
        bus.published.clear()
        again = run_request(request(number), deps, NOW)
        assert again in executed
        assert [event.execution_id for event in bus.of(FileLanded)] == [again.execution_id]
    assert set(source.requests.values()) == {1}

"""Scraper of two functions that runs as any other, with answers that a test provides."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import httpx

from tests.support.scrapers import spec
from tipoff_common.events import Source
from tipoff_common.testing import MemoryObjects
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.fake_sources import FakeSources
from tipoff_scraper_runner.http import NO_FAKES, HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

NOW = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
DAY = date(2025, 1, 15)


class Row(Record):
    text: str = "row"


def one_row(_payload: bytes, _parameters: ScrapeParameters) -> Parsed:
    return Parsed(records=[Row()])


def from_nowhere(_parameters: ScrapeParameters, _http: Http) -> Payload:
    return Payload(b"{}", "https://source.example/data", "json")


def run(
    fetch: Callable[[Any, Http], Payload] = from_nowhere,
    parse: Callable[[bytes, Any], Parsed] = one_row,
    *,
    handler: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(200),
    environ: Mapping[str, str] = {},
    fakes: FakeSources = NO_FAKES,
    data: MemoryObjects | None = None,
    **described: Any,
) -> Execution:
    """Run the scraper of `fetch` and `parse`; `described` overrides fields of the usual scraper.yaml."""
    module: Any = SimpleNamespace(Parameters=ScrapeParameters, fetch=fetch, parse=parse)
    scraper = RegisteredScraper(spec(**described), module)
    request = manual_request(
        scraper, {"game_date": DAY.isoformat()}, source=Source.LOCAL, triggered_by="test", now=NOW
    )
    return execute(
        request,
        scraper,
        environment="local",
        now=NOW,
        open_http=lambda spec, now, replaying: HttpxHttp(
            spec,
            now,
            Pacer(sleep=lambda _: None),
            replaying=replaying,
            fakes=fakes,
            environ=environ,
            transport=httpx.MockTransport(handler),
        ),
        data=data,
    )

"""Tools for the tests of a fleet's scrapers: the real runner with given responses of a source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import Registry

BLOCK_PAGE = b"<!DOCTYPE html><html><head><title>Access Denied</title></head></html>"
"""A page for people, as hosts send to clients that they refuse."""


@dataclass
class Served:
    """A source with given responses, one per request; the last response is repeated."""

    answers: list[httpx.Response]
    asked: list[httpx.Request] = field(default_factory=list)
    """The requests so far."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Record the request and return the next response."""
        self.asked.append(request)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def served(*contents: Any, status: int = 200, headers: Mapping[str, str] = {}) -> Served:
    """Build a source that responds with each content in turn: bytes, or a value to encode as JSON."""
    return Served([httpx.Response(status, content=_body(content), headers=headers) for content in contents])


def _body(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


@dataclass(frozen=True)
class Bench:
    """The scrapers of one fleet, run as in the service but without writing or publishing."""

    registry: Registry
    now: datetime = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
    environ: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, among them the scrapers' secrets."""

    def run(self, name: str, source: Served, **parameters: str) -> ScrapeExecuted:
        """Run a scraper for `game_date`, by default the bench's day."""
        scraper = self.registry[name]
        request_parameters = {"game_date": f"{self.now:%Y-%m-%d}", **parameters}
        return execute(
            manual_request(
                scraper, request_parameters, source=Source.LOCAL, triggered_by="test", now=self.now
            ),
            scraper,
            environment="local",
            now=self.now,
            open_http=lambda spec, now, _replaying: HttpxHttp(
                spec,
                now,
                # Without a real source no test needs to wait for a rate limit.
                Pacer(sleep=lambda _: None),
                environ=self.environ,
                transport=httpx.MockTransport(source),
            ),
            data=None,
        ).executed

    def records(self, name: str, document: Any, **parameters: str) -> list[dict[str, Any]]:
        """Parse a document, given as bytes or as a value to encode as JSON; return its records in written form."""
        module = self.registry[name].module
        given = module.Parameters.model_validate({"game_date": f"{self.now:%Y-%m-%d}", **parameters})
        parsed = module.parse(_body(document), given)
        return [record.model_dump(mode="json") for record in parsed.records]


def failure(executed: ScrapeExecuted, kind: str) -> str:
    """Return the message of an execution that failed as `kind`."""
    assert isinstance(executed.outcome, Failed), executed.outcome  # noqa: S101  # a helper of tests
    assert executed.outcome.kind == FailureKind(kind), executed.outcome  # noqa: S101  # likewise
    return executed.outcome.message


def reason(executed: ScrapeExecuted) -> str:
    """Return why an execution has no data."""
    assert isinstance(executed.outcome, NoData), executed.outcome  # noqa: S101  # likewise
    return executed.outcome.reason


def count(executed: ScrapeExecuted) -> int:
    """Return how many records a success has."""
    assert isinstance(executed.outcome, Success), executed.outcome  # noqa: S101  # likewise
    return executed.outcome.record_count

"""A registered scraper, run by the runner over what a source is made to answer."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx

from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.outcomes import Failed, FailureKind, NoData, Success
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.pacing import Pacer
from tipoff_scraper_runner.registry import load_registry

NOW = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
ENVIRON = {"ODDS_API_KEY": "the-odds-key", "BALLDONTLIE_API_KEY": "the-injury-key"}
BLOCK_PAGE = b"<!DOCTYPE html><html><head><title>Access Denied</title></head></html>"
REGISTRY = load_registry(SCRAPERS_DIR)


@dataclass
class Served:
    """What a source answers, request by request; the last answer is repeated. asked: the requests so far."""

    answers: list[httpx.Response]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def served(*contents: Any, status: int = 200, headers: Mapping[str, str] = {}) -> Served:
    """Each content is bytes, or a document to be written as JSON."""
    bodies = [content if isinstance(content, bytes) else json.dumps(content).encode() for content in contents]
    return Served([httpx.Response(status, content=body, headers=headers) for body in bodies])


def run(name: str, source: Served, **parameters: str) -> ScrapeExecuted:
    """Runs the scraper as the service does, for 2025-01-15 unless told otherwise, and writes nothing."""
    scraper = REGISTRY[name]
    given = {"game_date": "2025-01-15", **parameters}
    return execute(
        manual_request(scraper, given, source=Source.LOCAL, triggered_by="test", now=NOW),
        scraper,
        environment="local",
        now=NOW,
        open_http=lambda spec, now, _replaying: HttpxHttp(
            spec, now, Pacer(sleep=lambda _: None), environ=ENVIRON, transport=httpx.MockTransport(source)
        ),
        data=None,
    ).executed


def records(name: str, document: Any, **parameters: str) -> list[dict[str, Any]]:
    """What the scraper reads in the document, as it is written to the bucket."""
    module = REGISTRY[name].module
    given = module.Parameters.model_validate({"game_date": "2025-01-15", **parameters})
    return [
        record.model_dump(mode="json")
        for record in module.parse(json.dumps(document).encode(), given).records
    ]


def failure(executed: ScrapeExecuted, kind: str) -> str:
    """The message of an execution that failed as `kind`."""
    assert isinstance(executed.outcome, Failed), executed.outcome
    assert executed.outcome.kind == FailureKind(kind), executed.outcome
    return executed.outcome.message


def reason(executed: ScrapeExecuted) -> str:
    """Why an execution has no data."""
    assert isinstance(executed.outcome, NoData), executed.outcome
    return executed.outcome.reason


def count(executed: ScrapeExecuted) -> int:
    """How many records a success has."""
    assert isinstance(executed.outcome, Success), executed.outcome
    return executed.outcome.record_count


_HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, 10**400, float("nan")),
    *("", "x", "9" * 400, "0001-01-01T00:00Z", "9999-12-31T23:59:59Z", "\u0663"),
    *([], [[]], {}, {"": {}}),
)


def spoilt(document: Any, times: int = 150) -> Iterator[bytes]:
    """The document with one value exchanged for any other."""
    order = Random(7)  # noqa: S311  # no secret depends on it
    for _ in range(times):
        changed = deepcopy(document)
        where = order.choice(list(_places(changed)))
        where(order.choice(_HOSTILE))
        yield json.dumps(changed).encode()


def _places(value: Any) -> Iterator[Callable[[Any], None]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield lambda new, key=key: value.__setitem__(key, new)
        yield from _places(value[key])

"""Tests of the runner's request handler: one execution for each request, whatever the number of deliveries."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.samples import NOON, requested
from tests.unit.runner.bench import Bench, Source, text
from tipoff_common.events import FileLanded, ScrapeExecuted, ScrapeRequested
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import Overloaded, Unavailable
from tipoff_common.testing import MemoryObjects
from tipoff_controller.past import LEASE_SLACK
from tipoff_scraper_runner.handlers import ACCEPTED, CLAIM_SLACK, MAX_DEATHS, WRITING
from tipoff_scraper_runner.parser import Limits, parse_in_process
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.request_memory import InProgress
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters


def test_the_file_is_announced_before_the_execution(bench: Bench) -> None:
    executed = bench.run(requested())
    assert [type(event) for event in bench.bus.events] == [FileLanded, ScrapeExecuted]
    assert bench.bus.events[1] == executed


def test_redelivery_republishes_without_fetch(bench: Bench) -> None:
    """Redelivery multiplied the rows (incident 16)."""
    first = bench.run(requested())
    bench.source = text("something\nelse\n")
    again = bench.run(requested(), NOON + timedelta(minutes=10))
    assert first == again
    assert len(bench.requested_urls) == 1
    landed, executed = bench.bus.of(FileLanded), bench.bus.of(ScrapeExecuted)
    assert (landed[0], executed[0]) == (landed[1], executed[1])
    assert len({envelope.id for envelope in bench.bus.published}) == 2


def test_failure_is_remembered_for_redelivery(bench: Bench) -> None:
    """A retry is a separate request with attempt + 1."""
    bench.source = text("")
    first = bench.run(requested())
    bench.source = text("a\nb\n")
    assert bench.run(requested()) == first
    second = bench.run(requested(request_id="request-2", attempt=2))
    assert (first.outcome.status, second.outcome.status) == ("failed", "success")


@pytest.mark.parametrize("capacity", [0, 1], ids=["nothing went out", "the file went out"])
def test_unpublished_outcome_is_published_on_redelivery(bench: Bench, capacity: int) -> None:
    bench.bus.capacity = capacity
    with pytest.raises(Unavailable):
        bench.run(requested())
    bench.bus.capacity = None
    executed = bench.run(requested())
    assert len(bench.requested_urls) == 1
    assert bench.bus.of(ScrapeExecuted) == [executed]
    assert len({event.id for event in bench.bus.of(FileLanded)}) == 1


def test_outcome_is_not_published_before_it_is_remembered(bench: Bench) -> None:
    """Otherwise a redelivery would publish a second outcome of the request."""

    def answer(_request: httpx.Request) -> httpx.Response:
        bench.state.down = True
        return httpx.Response(200, text="a\nb\n")

    bench.source = answer
    with pytest.raises(Unavailable):
        bench.run(requested())
    assert len(bench.requested_urls) == 1
    assert bench.bus.published == []


def test_request_succeeds_after_data_bucket_outage(bench: Bench) -> None:
    bench.data.down = True
    with pytest.raises(Unavailable):
        bench.run(requested())
    assert bench.bus.published == []
    assert not any(name.startswith("runner/outcomes/") for name in bench.state.bodies)
    bench.data.down = False
    assert bench.run(requested()).outcome.status == "success"


class Killed(BaseException):
    """The end of the process, as by kill -9: no handler catches it."""


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at the same time"])
@pytest.mark.parametrize("survived", range(5), ids=["claim", "payload", "journal", "records", "outcome"])
def test_redelivery_completes_run_killed_after_any_write(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, survived: int, at_once: bool
) -> None:
    """A fetched payload is not fetched again, and the first delivery's notes about it are kept.

    See "Redelivery multiplied the rows" in docs/explanation/incidents.md.
    """
    bench.source = retried("a\nb\n")
    bench.writes = ThreadPoolExecutor(1) if at_once else None
    writes = 0

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        def dying(*arguments: Any, **named: Any) -> Any:
            nonlocal writes
            written = write(*arguments, **named)
            writes += 1
            if writes == survived + 1:
                raise Killed
            return written

        return dying

    with monkeypatch.context() as patching:
        patching.setattr(bench.data, "put", mortal(bench.data.put))
        patching.setattr(bench.data, "create", mortal(bench.data.create))
        patching.setattr(bench.state, "create", mortal(bench.state.create))
        with pytest.raises(Killed):
            bench.run(requested())
    assert bench.bus.published == []
    if survived < 4:
        with pytest.raises(InProgress):
            bench.run(requested(), NOON + timedelta(seconds=10))

    executed = bench.run(requested(), NOON + timedelta(minutes=10))
    assert len(bench.requested_urls) == 2
    assert executed.outcome.status == "success"
    assert executed.retry_count == 1
    assert executed.data_summary["source_url"] == bench.requested_urls[0]
    assert [type(event) for event in bench.bus.events] == [FileLanded, ScrapeExecuted]
    assert len(bench.data.files) == 2


def test_late_runner_publishes_stored_outcome_of_another_runner(bench: Bench) -> None:
    """The runner stops while the source answers; another delivery takes over and publishes other content."""
    during: list[ScrapeExecuted] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        if not during:
            bench.source = text("taken\nover\n")
            during.append(bench.run(requested(), NOON + timedelta(minutes=10)))
        return httpx.Response(200, text="too\nlate\n")

    bench.source = answer
    woken = bench.run(requested())
    assert woken == during[0]
    assert len({event.model_dump_json() for event in bench.bus.of(ScrapeExecuted)}) == 1
    assert len({event.model_dump_json() for event in bench.bus.of(FileLanded)}) == 1


def test_concurrent_delivery_does_not_fetch(bench: Bench) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        with pytest.raises(InProgress):
            bench.run(requested(), NOON + timedelta(seconds=30))
        return httpx.Response(200, text="a\nb\n")

    bench.source = answer
    assert bench.run(requested()).outcome.status == "success"
    assert len(bench.requested_urls) == 1


def test_payload_that_crashes_every_runner_is_a_failure(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadly(_payload: bytes, _parameters: object) -> object:
        raise Killed

    monkeypatch.setattr(bench.registry["lines"].module, "parse", deadly)
    now = NOON
    for _ in range(MAX_DEATHS):
        with pytest.raises(Killed):
            bench.run(requested(), now)
        now += timedelta(minutes=10)
    executed = bench.run(requested(), now)
    assert isinstance(executed.outcome, Failed)
    assert executed.outcome.kind is FailureKind.DECODE
    assert "3 runners ended while parsing the payload saved at gs://data/raw/" in executed.outcome.message
    assert len(bench.requested_urls) == 1


def test_request_that_waits_for_the_parser_until_its_timeout_is_released(bench: Bench) -> None:
    """A holder that waited longer would lose its lease, and count as ended by the payload."""
    busy, calls = [True], []

    def parse(
        scraper: RegisteredScraper,
        body: bytes,
        parameters: ScrapeParameters,
        *,
        apart: bool = False,
        start_by: float | None = None,
    ) -> Parsed:
        assert start_by is not None
        calls.append((apart, start_by - time.monotonic()))
        if busy:
            raise Overloaded("the parser's process is busy with other payloads")
        return parse_in_process(scraper, body, parameters)

    bench.parse = parse
    for _ in range(MAX_DEATHS + 1):
        with pytest.raises(Overloaded):
            bench.run(requested())
    busy.clear()
    assert bench.run(requested()).outcome.status == "success"
    assert len(bench.requested_urls) == 1
    assert [apart for apart, _ in calls] == [False, True, True, True, True]
    timeout = bench.registry["lines"].spec.timeout_seconds
    assert all(timeout - 30 < left <= timeout for _, left in calls)


def test_lease_covers_parsing_and_ends_before_the_controllers_lease() -> None:
    assert timedelta(seconds=Limits().patience_seconds) + WRITING <= CLAIM_SLACK < LEASE_SLACK


@pytest.mark.parametrize(
    ("content", "calls"),
    [
        ("a\nb\n", 5),  # claim, payload, journal, records, outcome
        ("empty: no line yet\n", 3),  # claim, payload, outcome
    ],
    ids=["success", "no data"],
)
def test_execution_makes_fixed_number_of_bucket_calls(bench: Bench, content: str, calls: int) -> None:
    bench.source = text(content)
    counted = [
        CountedObjects(bucket.bucket, bodies=bucket.bodies, metadata=bucket.metadata)
        for bucket in (bench.state, bench.data)
    ]
    bench.state, bench.data = counted
    bench.run(requested())
    assert sum(bucket.calls for bucket in counted) == calls


@dataclass
class CountedObjects(MemoryObjects):
    """A bucket that counts its calls to Cloud Storage."""

    calls: int = 0

    def check(self) -> None:
        self.calls += 1
        super().check()


def retried(content: str) -> Source:
    """Return a source that answers 503 once and then this text."""
    answers = iter([httpx.Response(503)])
    return lambda _request: next(answers, httpx.Response(200, text=content))


def test_announced_content_is_not_announced_by_another_execution(bench: Bench) -> None:
    bench.run(requested())
    second = bench.run(requested(request_id="request-2", attempt=2))
    assert second.outcome.status == "success"
    assert [event.execution_id for event in bench.bus.of(FileLanded)] == ["request-1"]
    assert [event.execution_id for event in bench.bus.of(ScrapeExecuted)] == ["request-1", "request-2"]


def test_new_content_is_announced(bench: Bench) -> None:
    """A later correction is fetched and announced.

    See "The first report ended the search for corrections" in docs/explanation/incidents.md.
    """
    bench.run(requested())
    bench.source = text("a\nb\nc, corrected\n")
    bench.run(requested(request_id="request-2", attempt=2))
    first, second = bench.bus.of(FileLanded)
    assert first.gcs_path != second.gcs_path


def test_a_failure_announces_no_file(bench: Bench) -> None:
    bench.source = text("")
    bench.run(requested())
    assert [type(event) for event in bench.bus.events] == [ScrapeExecuted]


def test_unknown_scraper_is_a_failure_with_known_scrapers(bench: Bench) -> None:
    """A wrong image or name appears in the log and in the follow-ups.

    See "The wrong image answered for three days" and "Scrapers logged under other names" in
    docs/explanation/incidents.md.
    """
    executed = bench.run(requested(scraper="rows"))
    assert executed.outcome == Failed(
        kind=FailureKind.INTERNAL, message="this runner has no scraper 'rows'; its scrapers are lines"
    )
    assert executed.scraper_name == "rows"
    assert bench.bus.of(ScrapeExecuted) == [executed]
    assert bench.run(requested(scraper="rows")) == executed


def test_replayed_request_runs_at_its_event_time(bench: Bench) -> None:
    executed = bench.run(requested(event_time=NOON), NOON + timedelta(days=300))
    assert bench.opened == [(NOON, True)]
    assert executed.triggered_at == executed.event_time == NOON


def test_request_without_event_time_runs_at_handling_time(bench: Bench) -> None:
    now = NOON + timedelta(minutes=7)
    assert bench.run(requested(), now).triggered_at == now
    assert bench.opened == [(now, False)]


def test_runner_accepts_only_scrape_requests() -> None:
    assert frozenset({ScrapeRequested}) == ACCEPTED

"""Tests of the log of a run: its ids, the scraper's own lines, no secrets."""

import io
import json
import logging
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.support.samples import GAME_DATE, NOON, requested
from tests.unit.runner.bench import Bench, text
from tipoff_common.logs import JsonFormatter
from tipoff_scraper_runner.execution import execute

REQUEST = requested(parameters={"game_date": GAME_DATE.isoformat()})


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Capture the process's log during a test."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(JsonFormatter("scraper-runner", "1", "p"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(it) for it in stream.getvalue().splitlines()]


def test_end_of_run_is_logged_with_its_ids(bench: Bench, written: io.StringIO) -> None:
    bench.execute(REQUEST)
    (ended,) = (it for it in lines(written) if it["message"] == "scrape ended")
    assert (ended["status"], ended["records"]) == ("success", 3)
    assert (ended["request_id"], ended["occurrence_id"]) == (REQUEST.request_id, REQUEST.occurrence_id)


def test_logged_duration_equals_execution_duration(bench: Bench, written: io.StringIO) -> None:
    """Both use the execution's clock, which advances 7 s at each read."""
    seconds = count(0.0, 7.0)
    executed = execute(
        REQUEST,
        bench.registry[REQUEST.scraper],
        environment="local",
        now=NOON,
        open_http=bench.open_http,
        data=None,
        monotonic=lambda: next(seconds),
    ).executed
    (ended,) = (it for it in lines(written) if it["message"] == "scrape ended")
    assert ended["seconds"] == executed.duration_seconds == 7.0


def test_end_of_run_is_logged_with_payload_path(bench: Bench, written: io.StringIO) -> None:
    """An unreadable document lands no other file, so an operator could not find it."""
    executed = bench.execute(REQUEST).executed
    (ended,) = (it for it in lines(written) if it["message"] == "scrape ended")
    assert ended["payload"] == executed.data_summary["raw_path"]
    assert ended["payload"].startswith("gs://")


def test_scraper_log_line_has_request_id(bench: Bench, written: io.StringIO) -> None:
    def source(_request: httpx.Request) -> httpx.Response:
        logging.getLogger("scrapers.fixtures.lines").warning("the page is a maintenance notice")
        return httpx.Response(200, text="a\nb\nc\n")

    bench.source = source
    bench.execute(REQUEST)
    own = next(it for it in lines(written) if it["logger"] == "scrapers.fixtures.lines")
    assert (own["message"], own["request_id"]) == ("the page is a maintenance notice", REQUEST.request_id)


def test_failed_run_is_logged_with_traceback(bench: Bench, written: io.StringIO) -> None:
    bench.source = lambda _request: httpx.Response(403, text="no")
    bench.execute(REQUEST)
    gave_up = next(it for it in lines(written) if "exception" in it)
    assert "Traceback (most recent call last)" in gave_up["exception"]
    assert gave_up["request_id"] == REQUEST.request_id
    assert next(it for it in lines(written) if it["message"] == "scrape ended")["status"] == "failed"


def test_log_line_after_a_run_has_no_request_id(bench: Bench, written: io.StringIO) -> None:
    bench.source = text("a\nb\n")
    bench.execute(REQUEST)
    logging.getLogger("tipoff").warning("later")
    assert "request_id" not in lines(written)[-1]

"""Tests of the test bench that a fleet's own tests use."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.scrapers import spec
from tests.unit.runner.stub_scraper import Row
from tipoff_scraper_runner.registry import RegisteredScraper
from tipoff_scraper_runner.scraper import Parsed, ScrapeParameters
from tipoff_scraper_runner.testing import Bench


def read(payload: bytes, _parameters: ScrapeParameters) -> Parsed:
    return Parsed(records=[Row(text=payload.decode())])


@pytest.mark.parametrize(
    ("document", "read_as"), [(b"<table></table>", "<table></table>"), ({"a": 1}, '{"a": 1}')]
)
def test_bench_parses_bytes_unchanged_and_documents_as_json(document: Any, read_as: str) -> None:
    """A page of bytes raised a TypeError because the bench encoded it as JSON."""
    module: Any = SimpleNamespace(Parameters=ScrapeParameters, parse=read)
    bench = Bench({"page": RegisteredScraper(spec(), module)})
    assert bench.records("page", document) == [{"text": read_as}]

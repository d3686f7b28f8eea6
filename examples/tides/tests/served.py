"""This fleet's scrapers, run by the real runner over given answers of a source."""

from pathlib import Path

from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.testing import BLOCK_PAGE, Bench, Served, count, failure, reason, served

__all__ = ["BLOCK_PAGE", "Served", "count", "failure", "reason", "served"]

_BENCH = Bench(load_registry(Path(__file__).parents[1] / "tides"))
run, records = _BENCH.run, _BENCH.records

"""Runs of the fleet's scrapers over answers of a test, and over nearly valid documents."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.errors import ScrapeFailure
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.testing import BLOCK_PAGE, Bench, Served, count, failure, reason, served

__all__ = ["BLOCK_PAGE", "Served", "count", "failure", "reason", "served"]

ENVIRON = {"ODDS_API_KEY": "the-odds-key", "BALLDONTLIE_API_KEY": "the-injury-key"}
REGISTRY = load_registry(SCRAPERS_DIR)
_BENCH = Bench(REGISTRY, environ=ENVIRON)
NOW, run, records = _BENCH.now, _BENCH.run, _BENCH.records

_HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, 10**30, 10**400, float("nan")),
    *("", "x", "9" * 400, "PT99999M00.00S", "0000-00-00", "0001-01-01T00:00Z", "9999-12-31T23:59:59Z"),
    *("\u0663", [], [[]], {}, {"": {}}),
)
"""Unexpected values for any place; the last text is an Arabic digit."""
_SPOILT = 150


def assert_read_or_named(scraper: Any, document: Any, **parameters: str) -> None:
    """Parse many copies of the document with one value replaced; assert that each failure has a message."""
    given = scraper.Parameters.model_validate({"game_date": "2025-01-15"} | parameters)
    order = Random(7)  # noqa: S311  # no secret depends on it
    for _ in range(_SPOILT):
        changed = deepcopy(document)
        order.choice(list(_places(changed)))(order.choice(_HOSTILE))
        try:
            scraper.parse(json.dumps(changed).encode(), given)
        except ScrapeFailure as error:
            assert str(error)


def _places(value: Any) -> Iterator[Callable[[Any], None]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield lambda new, key=key: value.__setitem__(key, new)
        yield from _places(value[key])

"""A valid document for every scraper of the fleet, from the fake sources."""

from datetime import UTC, date, datetime
from typing import Any

from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.odds import event_id
from tipoff_dev.fakes.sources.scenario import load_scenario
from tipoff_dev.fakes.sources.testing import FAKES, InProcessTransport
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import RegisteredScraper

DAY = date(2025, 1, 15)
NIGHT, AFTERNOON = datetime(2025, 1, 16, 4, 45, tzinfo=UTC), datetime(2025, 1, 15, 21, 0, tzinfo=UTC)


def parameters_of(scraper: RegisteredScraper) -> dict[str, str]:
    """Return parameters for which the fake sources have a document."""
    game = next(game for game in load_scenario().games[DAY] if game.home == "PHI")
    known = {"game_date": DAY.isoformat(), "game_id": game.id, "team": "PHI", "event_id": event_id(game)}
    return {name: known[name] for name, one in scraper.spec.parameters.items() if one.required}


def payload_of(scraper: RegisteredScraper, parameters: Any) -> bytes:
    """Fetch the scraper's document from the fake sources, at an instant when the document is published."""
    now = AFTERNOON if scraper.spec.source == "oddsapi" else NIGHT
    with HttpxHttp(
        scraper.spec,
        now,
        Pacer(sleep=lambda _: None),
        fakes=FAKES,
        replaying=True,
        environ={},
        transport=InProcessTransport(create_app(load_scenario(), lambda: now)),
    ) as http:
        body: bytes = scraper.module.fetch(parameters, http).body
    return body

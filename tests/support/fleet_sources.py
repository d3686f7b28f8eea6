"""The shipped fleet's scrapers, run on the fakes of their sources by the runner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import httpx

from tests.support.scenario import SCENARIO
from tipoff_cli.checkout import WORKFLOWS
from tipoff_common.events import Source
from tipoff_common.testing import MemoryObjects
from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.hosts import fleet_fakes
from tipoff_dev.fakes.sources.odds import event_id
from tipoff_dev.fakes.sources.testing import FAKE_URL, FAKES, InProcessTransport
from tipoff_planning.loading import load_workflows
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.execution import Execution, execute
from tipoff_scraper_runner.fake_sources import FakeSources as RunnerFakes
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import load_registry
from tipoff_scraper_runner.saved_payload import SavedPayload

DAY = date(2025, 1, 15)
GAME = next(game for game in SCENARIO.games[DAY] if game.home == "PHI")
OF_THE_GAME = {"game_id": GAME.id}
REGISTRY = load_registry(SCRAPERS_DIR)
CONFIGURATION = load_workflows(WORKFLOWS, REGISTRY.catalog)
SCHEDULED = sorted({step.scraper for item in CONFIGURATION.workflows.values() for step in item.steps})


@dataclass(frozen=True)
class RequestExample:
    """A request of a scraper, and instants before and after its document is published."""

    unpublished_at: str | None
    """An instant in New York before the source publishes the document; None when it is always there."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    published_at: str = "2025-01-15T23:45:00-05:00"
    """An instant in New York at which the document is published."""


AFTERNOON = "2025-01-15T16:00:00-05:00"
REQUEST_EXAMPLES = {
    "bdl_injuries": RequestExample(None),
    "espn_roster": RequestExample(None, {"team": "PHI"}),
    "espn_scoreboard": RequestExample(None),
    "nbac_gamebook_pdf": RequestExample(AFTERNOON, OF_THE_GAME),
    "nbac_injury_report": RequestExample("2025-01-15T10:00:00-05:00"),
    "nbac_play_by_play": RequestExample(AFTERNOON, OF_THE_GAME),
    "nbac_player_boxscore": RequestExample(AFTERNOON, OF_THE_GAME),
    "nbac_player_list": RequestExample(None),
    "nbac_player_movement": RequestExample(None),
    "nbac_referee_assignments": RequestExample("2025-01-15T08:00:00-05:00"),
    "nbac_schedule": RequestExample(None),
    "nbac_scoreboard": RequestExample(None),
    "nbac_team_boxscore": RequestExample(AFTERNOON, OF_THE_GAME),
    "oddsa_events": RequestExample("2025-01-10T12:00:00-05:00", published_at=AFTERNOON),
    "oddsa_game_lines": RequestExample("2025-01-13T12:00:00-05:00", published_at=AFTERNOON),
    "oddsa_player_props": RequestExample(
        "2025-01-16T12:00:00-05:00", {"event_id": event_id(GAME)}, published_at=AFTERNOON
    ),
}


FLEET = fleet_fakes(SCRAPERS_DIR)
ALL_FAKES = RunnerFakes({**FAKES.urls, **dict.fromkeys(FLEET, FAKE_URL)})


def request_example(name: str) -> RequestExample:
    """Return a scraper's request.

    A scraper with a fake of its own needs no line above: its document is always there.
    """
    return REQUEST_EXAMPLES.get(name, RequestExample(None))


@cache
def fake_sources() -> InProcessTransport:
    """Return one application for all tests: its response depends on the request alone."""
    return InProcessTransport(create_app(SCENARIO, lambda: datetime(2025, 1, 15, tzinfo=UTC), fleet=FLEET))


class FakeSources(httpx.BaseTransport):
    """The fake sources in this process; `change_response` changes every response."""

    def __init__(self) -> None:
        self._app = fake_sources()
        self.change_response: Any = lambda answer: answer
        self.requested_hosts: set[str] = set()
        """The hosts of the requests; a fake's address contains the host that it replaces."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requested_hosts.add(request.url.path.split("/")[1])
        answer: httpx.Response = self.change_response(self._app.handle_request(request))
        return answer


def run(
    name: str,
    source: FakeSources,
    instant: str,
    data: MemoryObjects | None = None,
    saved: SavedPayload | None = None,
) -> Execution:
    scraper, example, now = REGISTRY[name], request_example(name), datetime.fromisoformat(instant)
    request = manual_request(
        scraper,
        {"game_date": DAY.isoformat(), **example.parameters},
        source=Source.LOCAL,
        triggered_by="test",
        now=now,
    ).model_copy(update={"event_time": now})
    return execute(
        request,
        scraper,
        environment="local",
        now=now,
        open_http=lambda spec, at, replaying: HttpxHttp(
            spec,
            at,
            Pacer(sleep=lambda _: None),
            fakes=ALL_FAKES,
            replaying=replaying,
            environ={},
            transport=source,
        ),
        data=data,
        saved=saved,
    )

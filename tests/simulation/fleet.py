"""The outside world: the sources with their publication times, and the scrapers that read them."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, JsonValue

from tests.support.controller import at as new_york
from tests.support.controller import catalog, configured, daily, discovery, per_game, workflow
from tipoff_common.catalog import ScraperSpec
from tipoff_planning.workflows import Configuration
from tipoff_scraper_runner.errors import Blocked, HttpFailure, NotPublished
from tipoff_scraper_runner.registry import RegisteredScraper, Registry
from tipoff_scraper_runner.scraper import Parsed, Payload, Record, ScrapeParameters
from tipoff_scraper_runner.secret_redactor import SecretRedactor

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "prod"
EVERY = 30
"""Minutes from one tick to the next."""
FLEET = ("slate", "bulletin", "box_score", "event_list", "event_props")


@dataclass(frozen=True)
class Shape:
    """The size of a run's world."""

    games: int = 2
    """The number of games on the day."""
    events: int = 2
    """The number of events on the day."""
    instances: int = 2
    """The number of instances of each service."""
    faults: int = 14
    """The maximum number of faults."""
    night: bool = False
    """The whole day is eight hours earlier, so that the clocks of New York change in the middle of it."""

    @classmethod
    def draw(cls, seed: int) -> "Shape":
        """Draw a world of another size than the usual."""
        draw = random.Random(f"shape {seed}")  # noqa: S311  # no secret
        return cls(
            games=draw.choice((0, 1, 2, 5, 9)),
            events=draw.choice((0, 1, 2, 6, 12)),
            instances=draw.choice((1, 2, 3, 4)),
            faults=draw.choice((4, 14, 40)),
            night=draw.random() < 0.5,
        )

    def clock(self, usual: str) -> str:
        """Return the time of day in this world for a time of day of the usual one."""
        at = time.fromisoformat(usual)
        return at.replace(hour=at.hour - 8 * self.night).isoformat("minutes")


USUAL = Shape()


@dataclass(frozen=True)
class Truth:
    """The sources' documents and their publication times, drawn from the seed; only the checker reads them as well."""

    day: date
    published: Mapping[tuple[str, str], datetime]
    """The first instant at which a document is published, by scraper and subject."""
    games: tuple[Mapping[str, Any], ...]
    events: tuple[str, ...]

    @classmethod
    def draw(cls, day: date, draw: random.Random, shape: Shape) -> "Truth":
        """Draw a day: games one after the other, and a bulletin in the morning."""
        first = new_york(shape.clock("09:30"), day)
        tips = [first + timedelta(minutes=30 * number) for number in range(shape.games)]
        events = tuple(f"event-{number}" for number in range(1, shape.events + 1))
        games = tuple(
            {
                "game_id": f"002240000{number}",
                "game_date": day.isoformat(),
                "game_type": "regular",
                "tipoff": tip.isoformat(),
                "status": "scheduled",
                "postponed": False,
                "home_team": f"H0{number}",
                "away_team": f"A0{number}",
            }
            for number, tip in enumerate(tips)
        )
        published = {
            ("slate", "-"): new_york("00:00", day),
            ("bulletin", "-"): new_york(shape.clock("09:00"), day) + timedelta(minutes=draw.randint(0, 170)),
            ("event_list", "-"): new_york("00:00", day),
            **{("event_props", key): new_york("00:00", day) for key in events},
            **{
                ("box_score", str(game["game_id"])): tip + timedelta(minutes=draw.randint(40, 130))
                for game, tip in zip(games, tips, strict=True)
            },
        }
        return cls(day, published, games, events)

    def document(self, scraper: str, subject: str) -> bytes:
        """Return the source's document, once it is published."""
        if scraper == "slate":
            return json.dumps(self.games).encode()
        if scraper == "event_list":
            return json.dumps([{"event_id": key} for key in self.events]).encode()
        return json.dumps([{"of": scraper, "subject": subject, "line": line} for line in range(2)]).encode()


class UnitParameters(ScrapeParameters):
    """Parameters of every scraper of the fleet."""

    game_id: str | None = None
    event_id: str | None = None

    @property
    def subject(self) -> str:
        """Return the game or event, - for the whole day."""
        return self.game_id or self.event_id or "-"


class Row(Record):
    """One row, with any fields of the document."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass
class Http:
    """One execution's access to its source; `ask` replaces the network."""

    spec: ScraperSpec
    now: datetime
    ask: Callable[[str, str], bytes | None]
    retries: int = 0
    notes: dict[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.redactor = SecretRedactor(self.spec, {}, fake=False)

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Scraper:
    """A scraper's module: fetches one document and reads its rows."""

    name: str
    Parameters: type[ScrapeParameters] = UnitParameters

    def fetch(self, parameters: UnitParameters, http: Http) -> Payload:
        """Fetch the document. Raises NotPublished, HttpFailure or Blocked."""
        body = http.ask(self.name, parameters.subject)
        if body is None:
            raise NotPublished("404: not published yet")
        return Payload(body, f"https://source.example/{self.name}/{parameters.subject}", "json")

    def parse(self, payload: bytes, _parameters: UnitParameters) -> Parsed:
        """Read every element of the list as a row."""
        rows = json.loads(payload)
        fan_out = {"event_id": tuple(row["event_id"] for row in rows)} if self.name == "event_list" else {}
        return Parsed([Row.model_validate(row) for row in rows], fan_out=fan_out)


class SourceBlocks(Blocked):
    """The source blocks requests."""


class SourceFails(HttpFailure):
    """The source answers with an error."""


def registry() -> Registry:
    """Return the fleet of the simulation, described by the fixtures' files."""
    modules: dict[str, Any] = {name: Scraper(name) for name in FLEET}
    return Registry({name: RegisteredScraper(catalog()[name], module) for name, module in modules.items()})


def configurations(shape: Shape) -> tuple[Configuration, Configuration]:
    """Return the configurations before and after a deployment in the middle of the day."""
    clock = shape.clock
    morning = workflow(daily(clock("08:30"), clock("11:00")), "slate", alert_level="CRITICAL")
    props = workflow(
        daily(clock("09:00"), clock("11:30")),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "name": "props", "for_each": {"step": "events", "key": "event_id"}},
    )
    scores = workflow(per_game("1h", "45m", "3h"), {"scraper": "box_score", "for_each": "game"})
    return (
        configured(
            morning=morning,
            props=props,
            bulletin=workflow(discovery(clock("09:00"), clock("12:00")), "bulletin"),
            scores=scores,
        ),
        configured(
            morning=morning,
            props=props,
            bulletin=workflow(discovery(clock("09:00"), clock("12:00")), "bulletin", max_retries=1),
            scores=workflow(
                per_game("1h", "30m", "3h"), {"scraper": "box_score", "for_each": "game"}, max_retries=4
            ),
            late=workflow(daily(clock("10:30"), clock("11:30")), "slate"),
        ),
    )

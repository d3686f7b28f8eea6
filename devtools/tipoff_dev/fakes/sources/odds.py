"""Documents of The Odds API: the events on offer, and the offers of two invented bookmakers on them.

Source of the shapes: https://the-odds-api.com/liveapi/guides/v4/
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from pydantic import JsonValue

from tipoff_dev.fakes.sources.document import Document, json_document, utc
from tipoff_dev.fakes.sources.game_story import PLAYED, roster
from tipoff_dev.fakes.sources.hosts import ODDS as HOST
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.schedule_json import GAME_LENGTH
from tipoff_dev.fakes.sources.teams import FakeTeam

OFFERED, PRICED = timedelta(days=3), timedelta(days=2)
"""Time before the tip-off from which an event is listed, and from which bookmakers have lines on it."""

_PATH = re.compile(rf"{re.escape(HOST)}/v4/(historical/)?sports/basketball_nba/(events|odds)(?:/(\w+)/odds)?")
_MONTH = 20_000
_BOOKMAKERS = ("firstbook", "secondbook")
_SNAPSHOT = timedelta(minutes=5)
_ALL_STAR = "003"

Event = dict[str, JsonValue]


def odds_document(scenario: Scenario, path: str, query: Mapping[str, str], now: datetime) -> Document | None:
    """Return the answer to `path`, "HOST/PATH", at `now` (aware); None when it is no path of the API."""
    match = _PATH.fullmatch(path)
    if match is None or (match[3] and match[2] == "odds"):
        return None
    if not query.get("apiKey"):
        return _refusal(401, "MISSING_KEY", "The API key is missing")
    if match[1] is None:
        return _present(scenario, match[2], match[3], query, now)
    as_of = datetime.fromisoformat(query["date"])
    as_of -= (as_of - datetime.min.replace(tzinfo=UTC)) % _SNAPSHOT
    return _present(scenario, match[2], match[3], query, as_of, historical=True)


def event_id(game: ScenarioGame) -> str:
    """Return the API's id of a game."""
    return hashlib.sha256(game.id.encode()).hexdigest()[:32]


def _present(
    scenario: Scenario,
    what: str,
    event: str | None,
    query: Mapping[str, str],
    now: datetime,
    *,
    historical: bool = False,
) -> Document:
    offered = list(_offered(scenario, now))
    markets = query.get("markets", "h2h").split(",") if event or what == "odds" else []
    found: JsonValue
    if event is None:
        found = [_event(scenario, *one, markets, now) for one in offered]
    else:
        wanted = next((one for one in offered if event_id(one[1]) == event), None)
        if wanted is None:
            return _refusal(404, "EVENT_NOT_FOUND", "Event not found. The event may have expired")
        found = _event(scenario, *wanted, markets, now)
    return json_document(_snapshot(found, now) if historical else found, headers=_quota(len(markets)))


def _quota(cost: int) -> dict[str, str]:
    return {
        "x-requests-used": "1000",
        "x-requests-remaining": f"{_MONTH - 1000}",
        "x-requests-last": str(cost),
    }


def _refusal(status: int, code: str, message: str) -> Document:
    return json_document({"message": message, "error_code": code, "details_url": f"https://{HOST}/"}, status)


def _snapshot(data: JsonValue, at_instant: datetime) -> JsonValue:
    return {
        "timestamp": utc(at_instant),
        "previous_timestamp": utc(at_instant - _SNAPSHOT),
        "next_timestamp": utc(at_instant + _SNAPSHOT),
        "data": data,
    }


def _offered(scenario: Scenario, now: datetime) -> Iterator[tuple[date, ScenarioGame]]:
    for day, game in scenario.all_games():
        if not (game.tip and game.home and game.away) or game.id.startswith(_ALL_STAR):
            continue
        if not game.is_off(now) and at(day, game.tip) - OFFERED <= now < at(day, game.tip) + GAME_LENGTH:
            yield day, game


def _event(scenario: Scenario, day: date, game: ScenarioGame, markets: Sequence[str], now: datetime) -> Event:
    home, away = scenario.team(game.home), scenario.team(game.away)
    tip = at(day, game.tip or "00:00")
    event: Event = {
        "id": event_id(game),
        "sport_key": "basketball_nba",
        "sport_title": "NBA",
        "commence_time": utc(tip + timedelta(minutes=10)),
        "home_team": _name(home),
        "away_team": _name(away),
    }
    if markets:
        books = _BOOKMAKERS if now >= tip - PRICED else ()
        event["bookmakers"] = [_bookmaker(book, game, home, away, markets, now) for book in books]
    return event


def _bookmaker(
    key: str, game: ScenarioGame, home: FakeTeam, away: FakeTeam, markets: Sequence[str], now: datetime
) -> JsonValue:
    return {
        "key": key,
        "title": key.title(),
        "markets": [
            {"key": market, "last_update": utc(now), "outcomes": list(_outcomes(market, game, home, away))}
            for market in markets
        ],
    }


def _outcomes(market: str, game: ScenarioGame, home: FakeTeam, away: FakeTeam) -> Iterator[JsonValue]:
    spread = zlib.crc32(game.id.encode()) % 20 / 2 - 4.75
    match market:
        case "h2h":
            yield {"name": _name(home), "price": 1.8}
            yield {"name": _name(away), "price": 2.05}
        case "spreads":
            yield {"name": _name(home), "price": 1.91, "point": spread}
            yield {"name": _name(away), "price": 1.91, "point": -spread}
        case "totals":
            yield from _over_under(219.5 + spread)
        case _:
            for number, player in enumerate(chain(roster(home)[:PLAYED], roster(away)[:PLAYED])):
                yield from _over_under(4.5 + number % PLAYED, player.name)


def _over_under(point: float, player: str | None = None) -> Iterator[JsonValue]:
    whose = {"description": player} if player else {}
    for name, price in (("Over", 1.87), ("Under", 1.95)):
        yield {"name": name, **whose, "price": price, "point": point}


def _name(team: FakeTeam) -> str:
    return "Los Angeles Clippers" if team.tricode == "LAC" else team.full_name

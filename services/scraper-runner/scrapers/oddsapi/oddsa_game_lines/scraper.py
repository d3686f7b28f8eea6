"""`oddsa_game_lines`: fetches the odds of a game day, or of one event, and reads every line.

Without an event, one call brings all games' odds for the credits of one game's.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from scrapers.completeness import completeness
from scrapers.drift import drift_summary
from scrapers.exhibitions import part_exhibitions
from scrapers.json_document import Node
from scrapers.oddsapi.api import ask
from scrapers.oddsapi.lines import Line, line_drifts, lines
from scrapers.oddsapi.matchups import (
    EVENT_ID,
    Matchup,
    Snapshot,
    day_of,
    event_drift,
    matchup,
    snapshot,
    teams_of,
)
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

Side = Literal["home", "away", "over", "under"]

MARKETS = "h2h,spreads,totals"
_TOTALS: dict[str, Side] = {"Over": "over", "Under": "under"}


class Parameters(ScrapeParameters):
    """`game_date` picks the events; with `event_id` it must be that event's."""

    event_id: str | None = Field(default=None, pattern=EVENT_ID)
    markets: str = Field(default=MARKETS, pattern=r"^(h2h|spreads|totals)(,(h2h|spreads|totals))*$")
    as_of: AwareDatetime | None = None


class GameLineRecord(Matchup):
    """One line. bookmaker, market: the API's keys. last_update: aware UTC, when the bookmaker last moved the market.
    side: what is bet on. point: spread of that side, or total; null where there is none. price: decimal, as the API is
    asked for it."""

    bookmaker: str
    market: str
    last_update: datetime | None
    side: Side
    point: float | None
    price: float


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The odds of one event, or of all on offer; costs one credit a market either way.

    Raises:
        NotPublished: the event has ended.
        QuotaSpent, Blocked, SourceChanged: see `api`.
    """
    path = f"events/{parameters.event_id}/odds" if parameters.event_id else "odds"
    query = {"regions": "us", "markets": parameters.markets, "oddsFormat": "decimal"}
    return ask(http, path, query, parameters.as_of)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record a line, ordered by all that names it; a line that a bookmaker repeats is one. Of a day's exhibitions
    the summary tells; one that is asked for by its id is an unknown team.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape or event, an unknown team, or an outcome that is neither team nor total.
    """
    found = snapshot(payload, "the odds")
    drifts = (event_drift(found.events), *line_drifts(found.events))
    events = found.events
    exhibitions: tuple[JsonValue, ...] = ()
    if not found.single:
        todays = (event for event in events if day_of(event) == parameters.game_date)
        parted = part_exhibitions(todays, teams_of)
        events, exhibitions = parted.league, parted.exhibitions
    games = [(matchup(event), event) for event in events]
    _check_event(found, games, parameters)
    records = sorted(dict.fromkeys(line for game in games for line in _game_lines(*game)), key=_order)
    offered = {record.event_id for record in records}
    return Parsed(
        records=records,
        summary={
            "events_listed": len(found.events),
            "events_on_game_date": len(games),
            "exhibitions": [*exhibitions],
            "events_without_lines": [_name(game) for game, _ in games if game.event_id not in offered],
            "completeness": completeness(
                (_name(game) for game, _ in games),
                (_name(game) for game, _ in games if game.event_id in offered),
            ),
            "lines_by_market": dict(sorted(Counter(record.market for record in records).items())),
            "bookmakers": [*sorted({record.bookmaker for record in records})],
            "as_of": found.as_of.isoformat() if found.as_of else None,
            "drift": drift_summary(*drifts),
        },
        empty_reason="" if records else _empty_reason(found, len(games), parameters),
        about=games[0][0].game_date if found.single else None,
    )


def _name(game: Matchup) -> str:
    return f"{game.away_team}@{game.home_team}"


def _check_event(found: Snapshot, games: Sequence[tuple[Matchup, Node]], parameters: Parameters) -> None:
    if parameters.event_id is None:
        return
    if not found.single or games[0][0].event_id != parameters.event_id:
        about = games[0][0].event_id if found.single else f"a list of {len(found.events)}"
        raise SourceChanged(f"asked for event {parameters.event_id}, the document is about {about}")


def _game_lines(game: Matchup, event: Node) -> list[GameLineRecord]:
    return [
        GameLineRecord(
            **game.model_dump(),
            bookmaker=line.bookmaker,
            market=line.market,
            last_update=line.last_update,
            side=_side(line, game),
            point=line.outcome.optional_amount("point"),
            price=line.outcome.amount("price"),
        )
        for line in lines(event)
    ]


def _side(line: Line, game: Matchup) -> Side:
    name = line.outcome.text("name")
    total = _TOTALS.get(name)
    if total is not None:
        return total
    tricode = team(name).tricode
    if tricode == game.home_team:
        return "home"
    if tricode == game.away_team:
        return "away"
    raise SourceChanged(f"{line.outcome.path}.name is {name!r}, in {game.away_team}@{game.home_team}")


def _order(line: GameLineRecord) -> tuple[object, ...]:
    point = (line.point is not None, line.point or 0.0)
    return (line.commence_time, line.event_id, line.bookmaker, line.market, line.side, point, line.price)


def _empty_reason(found: Snapshot, games: int, parameters: Parameters) -> str:
    if games:
        return f"no bookmaker offers {parameters.markets} in the {games} events of {parameters.game_date} yet"
    return f"{len(found.events)} events are on offer, and none is of {parameters.game_date}"

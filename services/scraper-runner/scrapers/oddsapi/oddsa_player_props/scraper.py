"""`oddsa_player_props`: fetches one event's player markets and parses every line."""

from collections import Counter

from pydantic import AwareDatetime, Field

from scrapers.oddsapi.api import fetch_document
from scrapers.oddsapi.lines import Line, LineRecord, read_lines
from scrapers.oddsapi.matchups import EVENT_ID, event_drift, matchup, only_event, snapshot
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

MARKETS = "player_points,player_rebounds,player_assists,player_threes"


class Parameters(ScrapeParameters):
    """`game_date` must be the event's date: lines of another day are never saved as this day's."""

    event_id: str = Field(pattern=EVENT_ID)
    markets: str = Field(default=MARKETS, pattern=r"^player_[a-z0-9_]+(,player_[a-z0-9_]+)*$")
    as_of: AwareDatetime | None = None


class PlayerPropRecord(LineRecord):
    """One line."""

    player: str = Field(description="as the bookmaker prints the name")
    side: str = Field(description="Over or Under; in yes-or-no markets Yes or No")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the event's odds; costs one credit per market with odds.

    Raises:
        NotPublished: the event has ended.
        QuotaSpent, Blocked, SourceChanged: see `api`.
    """
    query = {"regions": "us", "markets": parameters.markets, "oddsFormat": "decimal"}
    return fetch_document(http, f"events/{parameters.event_id}/odds", query, parameters.as_of)


def stated(payload: bytes) -> dict[str, str]:
    """Return the parameters that the document states: the event's id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: a list of events, or an invalid event.
    """
    return {"event_id": matchup(only_event(snapshot(payload, "the event's odds"))).event_id}


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per line, ordered by all identifying fields; repeated lines of a bookmaker are one record.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape or event, an unknown team, or most lines are odd.
    """
    found = snapshot(payload, "the event's odds")
    event = only_event(found)
    game = matchup(event)
    # The old address of a replaced event returns the new event.
    if game.event_id != parameters.event_id:
        raise SourceChanged(
            f"requested event {parameters.event_id}, but the document is about {game.event_id}"
        )
    lines, read = read_lines([(game, event)], _prop)
    props = sorted(lines, key=_order)
    by_market = Counter(prop.market for prop in props)
    return Parsed(
        records=props,
        summary={
            "matchup": f"{game.away_team}@{game.home_team}",
            "lines_by_market": dict(sorted(by_market.items())),
            "markets_without_lines": [name for name in parameters.markets.split(",") if not by_market[name]],
            "players": len({prop.player for prop in props}),
            "bookmakers": [*sorted({prop.bookmaker for prop in props})],
            "as_of": found.as_of.isoformat() if found.as_of else None,
            "drift": drift_summary(event_drift([event]), *read.drifts),
        },
        empty_reason="" if props else f"no bookmaker offers {parameters.markets} in this event yet",
        about=game.game_date,
        set_aside=read.set_aside,
    )


def _prop(line: Line) -> PlayerPropRecord:
    return PlayerPropRecord(
        **line.fields,
        # The API has the player in "description"; "name" is the side.
        player=line.outcome.nonblank("description"),
        side=line.outcome.text("name"),
    )


def _order(prop: PlayerPropRecord) -> tuple[object, ...]:
    return (prop.bookmaker, prop.market, prop.player, prop.point_order, prop.side, prop.price)

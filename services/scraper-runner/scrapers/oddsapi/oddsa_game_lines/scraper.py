"""`oddsa_game_lines`: fetches the odds of a game day, or of one event, and reads every line.

Without an event, one call returns all games' odds at the price of one game.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import AwareDatetime, Field

from scrapers.completeness import completeness
from scrapers.exhibitions import part_exhibitions
from scrapers.oddsapi.api import fetch_document
from scrapers.oddsapi.lines import Line, LineRecord, read_lines
from scrapers.oddsapi.matchups import (
    EVENT_ID,
    Matchup,
    OddsSnapshot,
    day_of,
    event_drift,
    matchup,
    snapshot,
    teams_of,
)
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.parsing.odd_items import place_of, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, ScrapeParameters

Side = Literal["home", "away", "over", "under"]

MARKETS = "h2h,spreads,totals"
_TOTALS: dict[str, Side] = {"Over": "over", "Under": "under"}


class Parameters(ScrapeParameters):
    """`game_date` selects the events; with `event_id` it must be that event's date."""

    event_id: str | None = Field(default=None, pattern=EVENT_ID)
    markets: str = Field(default=MARKETS, pattern=r"^(h2h|spreads|totals)(,(h2h|spreads|totals))*$")
    as_of: AwareDatetime | None = None


class GameLineRecord(LineRecord):
    """One line."""

    side: Side = Field(description="the outcome that is bet on")


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the odds of one event, or of all on offer; either costs one credit per market.

    Raises:
        NotPublished: the event has ended.
        QuotaSpent, Blocked, SourceChanged: see `api`.
    """
    path = f"events/{parameters.event_id}/odds" if parameters.event_id else "odds"
    # One region: each additional one costs its own credits.
    query = {"regions": "us", "markets": parameters.markets, "oddsFormat": "decimal"}
    return fetch_document(http, path, query, parameters.as_of)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per line, ordered by all identifying fields; repeated lines of a bookmaker are one record. The
    summary lists a day's exhibitions; an exhibition that is requested by its id raises UnknownTeam.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape or event, or most events or lines are odd.
    """
    found = snapshot(payload, "the odds")
    dated = read_items("events", found.events, day_of)
    # An event that was requested by its id is read for any date; the runner compares `about`.
    todays = [event for event, day in dated.pairs if found.single or day == parameters.game_date]
    parted = part_exhibitions([] if found.single else todays, teams_of)
    games = read_items("events of the day", todays if found.single else parted.league, _game)
    _check_event(found, games.kept, parameters)
    lines, read = read_lines(
        zip(games.kept, games.sources, strict=True),
        lambda line: GameLineRecord(**line.fields, side=_side(line)),
    )
    records = sorted(lines, key=_order)
    offered = {record.event_id for record in records}
    names = {game.event_id: f"{game.away_team}@{game.home_team}" for game in games.kept}
    return Parsed(
        records=records,
        summary={
            "events_listed": len(found.events),
            "events_on_game_date": len(games.kept),
            "exhibitions": [*parted.exhibitions],
            "events_without_lines": [name for event_id, name in names.items() if event_id not in offered],
            "completeness": completeness(
                [*names.values(), *map(place_of, (*dated.unread, *games.unread))],
                (name for event_id, name in names.items() if event_id in offered),
            ),
            "lines_by_market": dict(sorted(Counter(record.market for record in records).items())),
            "bookmakers": [*sorted({record.bookmaker for record in records})],
            "as_of": found.as_of.isoformat() if found.as_of else None,
            "drift": drift_summary(event_drift(games.sources), *read.drifts),
        },
        empty_reason="" if records else _empty_reason(found, len(games.kept), parameters),
        about=games.kept[0].game_date if found.single and games.kept else None,
        set_aside=(*dated.set_aside, *games.set_aside, *read.set_aside),
        games_listed=None if found.single else len(todays),
    )


def _game(event: Node) -> Matchup:
    # Checked here, so that an event without a list of bookmakers is set aside alone.
    event.children("bookmakers")
    return matchup(event)


def _check_event(found: OddsSnapshot, games: Sequence[Matchup], parameters: Parameters) -> None:
    if parameters.event_id is None:
        return
    if not found.single or games[0].event_id != parameters.event_id:
        about = games[0].event_id if found.single else f"a list of {len(found.events)}"
        raise SourceChanged(f"requested event {parameters.event_id}, but the document is about {about}")


def _side(line: Line) -> Side:
    name = line.outcome.text("name")
    # Before the teams: "Over" and "Under" are no teams.
    total = _TOTALS.get(name)
    if total is not None:
        return total
    tricode = team(name).tricode
    if tricode == line.game.home_team:
        return "home"
    if tricode == line.game.away_team:
        return "away"
    raise SourceChanged(
        f"{line.outcome.path}.name is {name!r}, which is not a team of {line.game.away_team}@{line.game.home_team}"
    )


def _order(line: GameLineRecord) -> tuple[object, ...]:
    named = (line.commence_time, line.event_id, line.bookmaker, line.market, line.side)
    return (*named, line.point_order, line.price)


def _empty_reason(found: OddsSnapshot, games: int, parameters: Parameters) -> str:
    if games:
        return f"no bookmaker offers {parameters.markets} in the {games} events of {parameters.game_date} yet"
    return f"the source lists {len(found.events)} events, none on {parameters.game_date}"

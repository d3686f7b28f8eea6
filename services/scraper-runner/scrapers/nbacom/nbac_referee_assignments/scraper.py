"""`nbac_referee_assignments`: fetches who officiates the games of a day and reads it."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from pydantic import JsonValue

from scrapers.completeness import completeness
from scrapers.drift import drift_summary, find_drift, names
from scrapers.json_document import Node, json_object
from scrapers.json_payload import json_payload
from scrapers.nbacom.answers import refuse
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

URL = "https://official.nba.com/wp-json/api/v1/get-game-officials"
HEADERS = {"Referer": "https://official.nba.com/referee-assignments/"}

CREW = 3
"""Officials on the court; a fourth is an alternate, named in the play-offs."""

_SEATS = (1, 2, 3, 4)
_GAME = names("game_id game_date game_code home_team_id home_team_abbr away_team_id away_team_abbr")
_UNREAD = names("season home_team away_team")
_OFFICIAL = frozenset(f"official{seat}{part}" for seat in _SEATS for part in ("", "_code", "_JNum"))


class Parameters(ScrapeParameters):
    """`game_date` is the league's date of the games."""


class RefereeRecord(Record):
    """One official of one game. seat: 1 is the crew chief, 4 the alternate. official_id: the league's. jersey: as
    printed. home_team, away_team: tricodes."""

    game_id: str
    game_date: date
    home_team: str
    home_team_id: int
    away_team: str
    away_team_id: int
    seat: int
    official: str
    official_id: int
    jersey: str | None


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The assignments of the day. The document always exists; before they are made its table is empty.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the document is gone from its place.
    """
    query = {"date": parameters.game_date.isoformat()}
    response = http.get(URL, query=query, headers=HEADERS, expected=frozenset({403, 404}))
    if response.status in (403, 404):
        refuse(response, f"{response.url}, which always exists,")
    return json_payload(response)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record an official of an NBA game; the tables of the other leagues are left alone.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, a game that stands twice, or games of several dates.
    """
    nba = json_object(payload, "the table of officials").child("nba")
    games = list(nba.child("Table").children("rows"))
    drift = find_drift("game", games, required=_GAME | _OFFICIAL, optional=_UNREAD)
    days = {_day(game) for game in games}
    if len(days) > 1:
        raise SourceChanged(f"{nba.path}.Table.rows are of several dates: {sorted(map(str, days))}")
    if len({game.name("game_id") for game in games}) < len(games):
        raise SourceChanged(f"{nba.path}.Table.rows: a game stands twice")
    records = [record for game in games for record in _records(game)]
    return Parsed(
        records=records,
        summary={**_summary(games, records), "drift": drift_summary(drift)},
        empty_reason=_empty_reason(games, records, parameters.game_date),
        about=next(iter(days), None),
    )


def _records(game: Node) -> Iterator[RefereeRecord]:
    for seat in _SEATS:
        name = game.optional_text(f"official{seat}")
        if name is None:
            continue
        yield RefereeRecord(
            game_id=game.name("game_id"),
            game_date=_day(game),
            home_team=game.name("home_team_abbr"),
            home_team_id=game.number("home_team_id"),
            away_team=game.name("away_team_abbr"),
            away_team_id=game.number("away_team_id"),
            seat=seat,
            official=name,
            official_id=game.number(f"official{seat}_code"),
            jersey=game.optional_text(f"official{seat}_JNum"),
        )


def _day(game: Node) -> date:
    printed = game.text("game_date")
    try:
        return datetime.strptime(printed, "%m/%d/%Y").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError as error:
        raise SourceChanged(f"{game.path}.game_date is {printed!r}, not MM/DD/YYYY") from error


def _summary(games: Sequence[Node], records: Sequence[RefereeRecord]) -> dict[str, JsonValue]:
    on_court = {game.name("game_id"): 0 for game in games}
    for record in records:
        on_court[record.game_id] += record.seat <= CREW
    short: list[JsonValue] = [game_id for game_id, count in on_court.items() if count < CREW]
    names = {
        game.name("game_id"): f"{game.name('away_team_abbr')}@{game.name('home_team_abbr')}" for game in games
    }
    crewed = [name for game_id, name in names.items() if on_court[game_id] >= CREW]
    return {
        "games": len(games),
        "games_without_full_crew": short,
        "completeness": completeness(names.values(), crewed),
    }


def _empty_reason(games: Sequence[Node], records: Sequence[RefereeRecord], day: date) -> str:
    if records:
        return ""
    if games:
        return f"{len(games)} games of {day} are listed, and none has its officials yet"
    return f"no game of {day} is listed: none is played, or the assignments are not out yet"

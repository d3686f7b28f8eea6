"""`espn_scoreboard`: fetches the games of a day and reads how they stand."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import JsonValue

from scrapers.completeness import completeness
from scrapers.drift import drift_summary, find_drift, names
from scrapers.espn.api import ask
from scrapers.exhibitions import part_exhibitions
from scrapers.game_days import game_date_of
from scrapers.json_document import Node, json_object
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

Status = Literal["scheduled", "live", "final", "postponed", "canceled"]

_OFF: dict[str, Status] = {"STATUS_POSTPONED": "postponed", "STATUS_CANCELED": "canceled"}
"""By name; ESPN counts these as over, which they are not."""
_BY_STATE: dict[str, Status] = {"pre": "scheduled", "in": "live", "post": "final"}

_EVENT = names("id date competitions status")
_EVENT_UNREAD = names("uid name shortName season links week weather")
_COMPETITOR = names("homeAway score team")
_COMPETITOR_UNREAD = names(
    "id uid type order winner linescores statistics leaders records record probables curatedRank form seriesRecord"
)


class Parameters(ScrapeParameters):
    """`game_date` is the day that the games belong to."""


class EspnGameRecord(Record):
    """One game as it stands. event_id: ESPN's. start: aware UTC. game_date: the New York day the game belongs to.
    status_detail: as printed ("Final/OT"). period: 0 before the tip, from 5 on overtime. clock: as printed.
    home_team, away_team: tricodes. Scores are 0 before the tip."""

    event_id: str
    game_date: date
    start: datetime
    status: Status
    status_detail: str
    period: int
    clock: str
    home_team: str
    home_score: int
    away_team: str
    away_score: int


def fetch(parameters: Parameters, http: Http) -> Payload:
    """The day's scoreboard.

    Raises:
        Blocked, SourceChanged: see `api`.
    """
    return ask(http, "scoreboard", {"dates": f"{parameters.game_date:%Y%m%d}"})


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """One record a game of the day, by start and id; exhibitions are told in the summary.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, an unknown team or state, or a game that stands twice.
    """
    document = json_object(payload, "the scoreboard")
    events = list(document.children("events"))
    drift = find_drift("event", events, required=_EVENT, rare=_EVENT_UNREAD)
    days = sorted({game_date_of(event.instant("date")) for event in events})
    about = days[0] if len(days) == 1 else None
    wanted = about or parameters.game_date
    todays = [event for event in events if game_date_of(event.instant("date")) == wanted]
    parted = part_exhibitions(todays, _teams)
    games = sorted((_game(event) for event in parted.league), key=lambda game: (game.start, game.event_id))
    twice = [number for number, count in Counter(game.event_id for game in games).items() if count > 1]
    if twice:
        raise SourceChanged(f"games {twice} stand twice on the scoreboard")
    competitors = [side for event in events for side in _competitors(event)]
    sides = find_drift("competitor", competitors, required=_COMPETITOR, rare=_COMPETITOR_UNREAD)
    return Parsed(
        records=games,
        summary={
            "games_by_status": dict(sorted(Counter(game.status for game in games).items())),
            "completeness": _results(games),
            "events_of_other_days": len(events) - len(todays),
            "exhibitions": [*parted.exhibitions],
            "drift": drift_summary(drift, sides),
        },
        empty_reason=_empty_reason(events, games, parted.exhibitions),
        about=about,
    )


def _empty_reason(
    events: Sequence[Node], games: Sequence[EspnGameRecord], exhibitions: Sequence[JsonValue]
) -> str:
    if not events:
        return "the scoreboard is there and has no games"
    if exhibitions and not games:
        return f"no team of the league plays another; there are {', '.join(map(str, exhibitions))}"
    return ""


def _teams(event: Node) -> tuple[str, str]:
    """The away and the home team as ESPN has them."""
    competitors = _competitors(event)
    away, home = (_side(event, competitors, side).child("team") for side in ("away", "home"))
    return away.text("abbreviation"), home.text("abbreviation")


def _results(games: Sequence[EspnGameRecord]) -> dict[str, JsonValue]:
    """Which games have their result; a game that is off is to have none."""
    played = [game for game in games if game.status not in _OFF.values()]
    over = [game for game in played if game.status == "final"]
    return completeness(map(_matchup, played), map(_matchup, over))


def _matchup(game: EspnGameRecord) -> str:
    return f"{game.away_team}@{game.home_team}"


def _game(event: Node) -> EspnGameRecord:
    competitors = _competitors(event)
    home, away = _side(event, competitors, "home"), _side(event, competitors, "away")
    status = event.child("status")
    start = event.instant("date")
    return EspnGameRecord(
        event_id=event.text("id"),
        game_date=game_date_of(start),
        start=start,
        status=_status(status.child("type")),
        status_detail=status.child("type").optional_text("shortDetail") or status.child("type").text("name"),
        period=status.number("period"),
        clock=status.text("displayClock"),
        home_team=team(home.child("team").text("abbreviation")).tricode,
        home_score=_score(home),
        away_team=team(away.child("team").text("abbreviation")).tricode,
        away_score=_score(away),
    )


def _competitors(event: Node) -> list[Node]:
    competitions = list(event.children("competitions"))
    if len(competitions) != 1:
        raise SourceChanged(f"{event.path} has {len(competitions)} competitions, and a game is one")
    return list(competitions[0].children("competitors"))


def _side(event: Node, competitors: Sequence[Node], name: str) -> Node:
    found = [competitor for competitor in competitors if competitor.text("homeAway") == name]
    if len(found) != 1:
        raise SourceChanged(f"{event.path} has {len(found)} {name} teams")
    return found[0]


def _status(kind: Node) -> Status:
    found = _OFF.get(kind.text("name")) or _BY_STATE.get(kind.text("state"))
    if found is None:
        raise SourceChanged(f"{kind.path}.state is {kind.text('state')!r}; {', '.join(_BY_STATE)} are known")
    return found


def _score(competitor: Node) -> int:
    """A text in the source, and blank before some tips."""
    printed = competitor.text("score").strip() or "0"
    if not printed.isdecimal():
        raise SourceChanged(f"{competitor.path}.score is {printed!r}, not points")
    return int(printed)

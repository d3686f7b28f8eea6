"""`espn_scoreboard`: fetches the games of a day and parses their states."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from pydantic import Field, JsonValue

from scrapers.completeness import results
from scrapers.espn.api import fetch_document
from scrapers.exhibitions import part_exhibitions
from scrapers.game_days import game_date_of
from scrapers.game_laws import Standing, contradiction
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, place_of, read_items
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

Status = Literal["scheduled", "live", "final", "postponed", "canceled"]

# Matched by name: ESPN's state for these games is "post", as if they were over.
_OFF: dict[str, Status] = {"STATUS_POSTPONED": "postponed", "STATUS_CANCELED": "canceled"}
# Statuses by ESPN's `state`, which its many status names share.
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
    """The state of one game."""

    event_id: str = Field(description="ESPN's number of the game")
    game_date: date = Field(description="the New York day the game belongs to")
    start: datetime = Field(description="aware UTC")
    status: Status
    status_detail: str = Field(description='as printed: "Final/OT"')
    period: int = Field(description="0 before the tip, from 5 on overtime")
    clock: str = Field(description="as printed")
    home_team: str = Field(description="tricode")
    home_score: int = Field(description="0 before the tip")
    away_team: str = Field(description="tricode")
    away_score: int = Field(description="0 before the tip")

    @property
    def matchup(self) -> str:
        """ "AWAY@HOME"."""
        return f"{self.away_team}@{self.home_team}"


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the day's scoreboard.

    Raises:
        Blocked, SourceChanged: see `api`.
    """
    return fetch_document(http, "scoreboard", {"dates": f"{parameters.game_date:%Y%m%d}"})


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per game of the day, ordered by start and id; the summary lists exhibitions.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: the shape differs, or most games are odd.
    """
    document = json_object(payload, "the scoreboard")
    events = read_items(
        "events", document.children("events"), lambda event: game_date_of(event.instant("date"))
    )
    days = set(events.kept)
    # When all events are of one day, the document is about that day. Otherwise only the events of the requested day
    # count.
    about = next(iter(days)) if len(days) == 1 else None
    wanted = about or parameters.game_date
    todays = part_exhibitions([event for event, day in events.pairs if day == wanted], _teams)
    found = read_items("games", todays.league, _game)
    kept, differing = keep_first(found.kept, lambda game: game.event_id, "game")
    games = sorted(kept, key=lambda game: (game.start, game.event_id))
    contradictions = {
        game.matchup: law
        for game in games
        if (
            law := contradiction(
                Standing(game.matchup, game.status, game.period, game.away_score, game.home_score)
            )
        )
    }
    competitors = [side for event in found.sources for side in _competitors(event)]
    listed = len(todays.league) + len(todays.exhibitions)
    return Parsed(
        records=games,
        summary={
            "games_by_status": dict(sorted(Counter(game.status for game in games).items())),
            "completeness": results(
                (game.matchup for game in games if game.status not in _OFF.values()),
                (game.matchup for game in games if game.status == "final"),
                map(place_of, (*events.unread, *found.unread)),
                contradictions,
            ),
            "events_of_other_days": len(events.kept) - listed,
            "exhibitions": [*todays.exhibitions],
            "drift": drift_summary(
                find_drift("event", found.sources, required=_EVENT, rare=_EVENT_UNREAD),
                find_drift("competitor", competitors, required=_COMPETITOR, rare=_COMPETITOR_UNREAD),
            ),
        },
        empty_reason=_empty_reason(len(events.kept), games, todays.exhibitions),
        about=about,
        set_aside=(*events.set_aside, *found.set_aside, *differing),
        contradictions=[*contradictions.values()],
        games_listed=listed,
        slate={game.matchup: None if game.status in _OFF.values() else game.start for game in games},
    )


def _empty_reason(listed: int, games: Sequence[EspnGameRecord], exhibitions: Sequence[JsonValue]) -> str:
    if not listed:
        return "the scoreboard lists no games"
    if exhibitions and not games:
        return f"no league game; only exhibitions: {', '.join(map(str, exhibitions))}"
    return ""


def _teams(event: Node) -> tuple[str, str]:
    """Read the away and the home team in ESPN's spelling."""
    competitors = _competitors(event)
    away, home = (_side(event, competitors, side).child("team") for side in ("away", "home"))
    return away.text("abbreviation"), home.text("abbreviation")


def _game(event: Node) -> EspnGameRecord:
    event.require(_EVENT)
    competitors = _competitors(event)
    for competitor in competitors:
        competitor.require(_COMPETITOR)
    home, away = _side(event, competitors, "home"), _side(event, competitors, "away")
    status = event.child("status")
    start = event.instant("date")
    return EspnGameRecord(
        event_id=event.text("id"),
        game_date=game_date_of(start),
        start=start,
        status=_status(status.child("type")),
        status_detail=status.child("type").optional_text("shortDetail") or status.child("type").text("name"),
        period=status.integer("period"),
        clock=status.text("displayClock"),
        home_team=team(home.child("team").text("abbreviation")).tricode,
        home_score=_score(home),
        away_team=team(away.child("team").text("abbreviation")).tricode,
        away_score=_score(away),
    )


def _competitors(event: Node) -> list[Node]:
    competitions = event.children("competitions")
    # A tournament's event has several competitions; the choice of one would be a guess.
    if len(competitions) != 1:
        raise SourceChanged(f"{event.path} has {len(competitions)} competitions; a game has one")
    return competitions[0].children("competitors")


def _side(event: Node, competitors: Sequence[Node], name: str) -> Node:
    found = [competitor for competitor in competitors if competitor.text("homeAway") == name]
    if len(found) != 1:
        raise SourceChanged(f"{event.path} has {len(found)} {name} teams")
    return found[0]


def _status(kind: Node) -> Status:
    # By name first: a game that is called off has the state "post" too.
    found = _OFF.get(kind.text("name")) or _BY_STATE.get(kind.text("state"))
    if found is None:
        raise SourceChanged(
            f"{kind.path}.state is {kind.text('state')!r}; known states are {', '.join(_BY_STATE)}"
        )
    return found


def _score(competitor: Node) -> int:
    """Read the points, a text in the source; it is blank before some tip-offs."""
    return competitor.printed_number("score") if competitor.optional_text("score") else 0

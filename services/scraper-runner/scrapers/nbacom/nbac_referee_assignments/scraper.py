"""`nbac_referee_assignments`: fetches and parses the officials of a day's games."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import Field, JsonValue

from scrapers.completeness import completeness
from scrapers.nbacom.answers import always_there
from scrapers.teams import team
from tipoff_scraper_runner.parsing.drift import drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, place_of, read_items, refuse_if_most_are_odd
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

URL = "https://official.nba.com/wp-json/api/v1/get-game-officials"
HEADERS = {"Referer": "https://official.nba.com/referee-assignments/"}

# Officials on the court; a fourth is an alternate, named in the play-offs.
CREW = 3

# The document has columns for four officials, filled or not.
_SEATS = (1, 2, 3, 4)
_GAME = names("game_id game_date game_code home_team_id home_team_abbr away_team_id away_team_abbr")
# Known and not read: full names; the tricodes are read instead.
_UNREAD = names("season home_team away_team")
# Name, number and jersey of each seat; an empty seat has the keys too.
_OFFICIAL = frozenset(f"official{seat}{part}" for seat in _SEATS for part in ("", "_code", "_JNum"))


class Parameters(ScrapeParameters):
    """`game_date` is the league's date of the games."""


class RefereeRecord(Record):
    """One official of one game."""

    game_id: str
    game_date: date
    home_team: str = Field(description="tricode")
    home_team_id: int
    away_team: str = Field(description="tricode")
    away_team_id: int
    seat: int = Field(description="1 is the crew chief, 4 the alternate")
    official: str
    official_id: int = Field(description="the league's")
    jersey: str | None = Field(description="as printed")


@dataclass(frozen=True)
class Crew:
    """A game and the officials named for it so far."""

    game_id: str
    day: date
    matchup: str
    records: tuple[RefereeRecord, ...]

    @property
    def full(self) -> bool:
        """Whether all officials on the court are named."""
        return sum(record.seat <= CREW for record in self.records) >= CREW


def fetch(parameters: Parameters, http: Http) -> Payload:
    """Fetch the assignments of the day. The document always exists; its table is empty before they are made.

    Raises:
        Blocked: the host refuses this client, by status or by a page for people.
        SourceChanged: the document is not at its address.
    """
    # Without a date the host returns today's assignments, by its own clock.
    return always_there(http, URL, query={"date": parameters.game_date.isoformat()}, headers=HEADERS)


def parse(payload: bytes, parameters: Parameters) -> Parsed:
    """Read one record per official of an NBA game; the tables of other leagues are ignored.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most games are odd.
    """
    # The document also has the tables of the WNBA and the G League.
    nba = json_object(payload, "the table of officials").child("nba")
    rows = nba.child("Table").children("rows")
    games = read_items("games", rows, _crew)
    about = _date_of_most(games.kept, parameters.game_date)
    # A game of another date than most of the table is odd.
    of_the_day = [crew for crew in games.kept if crew.day == about]
    stray = [
        f"game {crew.game_id} is dated {crew.day}, not {about}" for crew in games.kept if crew.day != about
    ]
    # Check again with the games of another date, which are odd too.
    refuse_if_most_are_odd("games", len(of_the_day), [*games.set_aside, *stray])
    crews, differing = keep_first(of_the_day, lambda crew: crew.game_id, "game")
    records = [record for crew in crews for record in crew.records]
    drift = find_drift("game", games.sources, required=_GAME | _OFFICIAL, optional=_UNREAD)
    return Parsed(
        records=records,
        summary={**_summary(crews, map(place_of, games.unread)), "drift": drift_summary(drift)},
        empty_reason="" if records else _empty_reason(len(rows), parameters.game_date),
        about=about,
        set_aside=(*games.set_aside, *stray, *differing),
    )


def _crew(game: Node) -> Crew:
    game.require(_GAME | _OFFICIAL)
    home, away = team(game.nonblank("home_team_abbr")), team(game.nonblank("away_team_abbr"))
    game_id, day = game.nonblank("game_id"), game.day("game_date", "%m/%d/%Y", "MM/DD/YYYY")
    records = tuple(
        RefereeRecord(
            game_id=game_id,
            game_date=day,
            home_team=home.tricode,
            home_team_id=home.id,
            away_team=away.tricode,
            away_team_id=away.id,
            seat=seat,
            official=name,
            official_id=game.integer(f"official{seat}_code"),
            jersey=game.optional_text(f"official{seat}_JNum"),
        )
        for seat in _SEATS
        # An empty seat does not make the game odd: the officials are named one by one.
        if (name := game.optional_text(f"official{seat}")) is not None
    )
    return Crew(game_id, day, f"{away.tricode}@{home.tricode}", records)


def _date_of_most(crews: Sequence[Crew], requested: date) -> date | None:
    """Return the date of most games, in a tie preferably the requested one; None without games."""
    counts = Counter(crew.day for crew in crews)
    return max(counts, key=lambda day: (counts[day], day == requested), default=None)


def _summary(crews: Sequence[Crew], unread: Iterable[str]) -> dict[str, JsonValue]:
    """Summarize the crews. An unreadable game counts as one without a crew, so the search for all crews continues."""
    short: list[JsonValue] = [crew.game_id for crew in crews if not crew.full]
    return {
        "games": len(crews),
        "games_without_full_crew": short,
        "completeness": completeness(
            [*(crew.matchup for crew in crews), *unread], (crew.matchup for crew in crews if crew.full)
        ),
    }


def _empty_reason(listed: int, day: date) -> str:
    if listed:
        return f"{listed} games of {day} are listed, and none has its officials yet"
    return f"no game of {day} is listed: none is played, or the assignments are not published yet"

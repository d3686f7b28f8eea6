"""The CDN's box score of a game, which exists from the tip on and counts once the game is over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import Field, JsonValue

from scrapers.drift import Drift, find_drift, names
from scrapers.game_laws import Standing, contradiction, lacks_content
from scrapers.json_document import Node, json_object
from scrapers.nbacom.cdn import game_document
from scrapers.nbacom.durations import seconds, team_minutes
from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.nbacom.sides import side_team
from scrapers.odd_items import read_items
from scrapers.source_records import CamelRecord
from scrapers.teams import Team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_GAME = names("gameId gameCode gameStatus gameStatusText period homeTeam awayTeam")
_GAME_UNREAD = names(
    "gameTimeLocal gameTimeUTC gameTimeHome gameTimeAway gameEt duration regulationPeriods gameClock attendance"
    " sellout arena officials"
)
_TEAM = names("teamId teamTricode score periods players statistics")
_TEAM_UNREAD = names("teamName teamCity inBonus timeoutsRemaining")

SHOTS = ("fieldGoals", "twoPointers", "threePointers", "freeThrows")
_COUNTED = ("points", "assists", "steals", "blocks", *(f"{shots}Made" for shots in SHOTS))

Summary = Mapping[str, JsonValue]


class GameParameters(ScrapeParameters):
    """`game_date` is the league's date of the game, game_id its ten digits."""

    game_id: str = Field(pattern=r"^00\d{8}$")


@dataclass(frozen=True)
class Side:
    """One team of a box score and whom it plays."""

    node: Node
    team: Team
    opponent: Team
    home: bool


@dataclass(frozen=True)
class BoxScore:
    """A game's box score, as far as both readings of it share it."""

    game_id: str
    game_code: str
    """"20250115/NYKPHI"."""
    game_date: date
    """The league's."""
    status: GameStatus
    status_text: str
    """As printed, "Q3 5:21"."""
    periods: int
    sides: tuple[Side, Side]
    """The home team's first."""
    drift: Sequence[Drift]

    def names(self, side: Side) -> dict[str, Any]:
        """Build the fields that every record of the side has."""
        return {
            "game_id": self.game_id,
            "team": side.team.tricode,
            "team_id": side.team.id,
            "opponent": side.opponent.tricode,
            "home": side.home,
        }

    @property
    def not_final(self) -> str:
        """Why the box score does not count yet; blank once the game is over."""
        if self.status == "final":
            return ""
        return f"game {self.game_id} is {self.status} ({self.status_text}), not final"


class BoxRecord(CamelRecord):
    """What every record of a box score says."""

    game_id: str
    team: str = Field(description="tricode")
    team_id: int = Field(description="the league's")
    opponent: str = Field(description="tricode")
    home: bool
    seconds_played: float = Field(description="2624 for 43:44; of a team, of its five players together")


@dataclass(frozen=True)
class BoxReading:
    """What one of the readings makes of a box score."""

    records: Sequence[Record]
    summary: Summary
    set_aside: Sequence[str] = ()


def fetch_box_score(parameters: GameParameters, http: Http) -> Payload:
    """Fetch the game's box score.

    Raises:
        NotPublished, Blocked, SourceChanged: see `cdn`.
    """
    return game_document(f"boxscore/boxscore_{parameters.game_id}.json", http)


def stated_game(payload: bytes, what: str) -> dict[str, str]:
    """Return the parameters that a document of one game states: the game's id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: it states none.
    """
    return {"game_id": json_object(payload, what).child("game").text("gameId")}


def read_box_score(payload: bytes, game_id: str) -> BoxScore:
    """Read what both readings share.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, an unknown team, or the box score of another game.
    """
    game = json_object(payload, "the box score").child("game")
    # First of all: what else is odd about another game's document is of no interest.
    if game.text("gameId") != game_id:
        raise SourceChanged(f"asked for game {game_id}, the box score is of {game.text('gameId')}")
    # Both before anything is read of either, so that a missing side is named as such.
    nodes = home, away = game.child("homeTeam"), game.child("awayTeam")
    drift = (
        find_drift("game", [game], required=_GAME, optional=_GAME_UNREAD),
        find_drift("team", nodes, required=_TEAM, optional=_TEAM_UNREAD),
    )
    home_team, away_team = side_team(home), side_team(away)
    return BoxScore(
        game_id=game_id,
        game_code=game.text("gameCode"),
        game_date=_league_date(game),
        status=game_status(game),
        status_text=game.text("gameStatusText").strip(),
        periods=game.integer("period"),
        sides=(
            Side(home, home_team, away_team, home=True),
            Side(away, away_team, home_team, home=False),
        ),
        drift=drift,
    )


def parse_final(payload: bytes, parameters: GameParameters, read: Callable[[BoxScore], BoxReading]) -> Parsed:
    """Read the box score with `read` once the game is over and its content is there.

    A final box score without content is no data: the search for the game goes on, and the summary says what it lacks.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or another game.
    """
    box = read_box_score(payload, parameters.game_id)
    # Before the records: whatever they are, a game without content is not done.
    contradictions = _contradictions(box)
    # Told even so: a game that is scheduled with a score is known to be wrong before it ends.
    if box.not_final:
        return Parsed(
            records=(),
            summary={"status": box.status},
            empty_reason=box.not_final,
            about=box.game_date,
            contradictions=contradictions,
        )
    if contradictions:
        return Parsed(
            records=(),
            summary=_summary(box),
            empty_reason=f"game {box.game_id} is final, and not complete: {'; '.join(contradictions)}",
            about=box.game_date,
            contradictions=contradictions,
        )
    reading = read(box)
    return Parsed(
        records=reading.records,
        summary={**_summary(box), **reading.summary},
        about=box.game_date,
        set_aside=reading.set_aside,
    )


def _summary(box: BoxScore) -> dict[str, JsonValue]:
    return {
        "game_id": box.game_id,
        "score": {side.team.tricode: side.node.count("score") for side in box.sides},
        "periods": box.periods,
        "broken_laws": [*broken_laws(box)],
    }


def _contradictions(box: BoxScore) -> list[str]:
    """Name what cannot be true of the game, and what a final one lacks."""
    home, away = box.sides
    standing = Standing(
        matchup=f"{away.team.tricode}@{home.team.tricode}",
        status=box.status,
        period=box.periods,
        away_score=away.node.count("score"),
        home_score=home.node.count("score"),
    )
    found = [contradiction(standing)]
    if box.status == "final":
        found += [_lack(side, team_minutes(box.periods)) for side in box.sides]
    return [sentence for sentence in found if sentence]


def _lack(side: Side, minutes: int) -> str:
    players = read_items("players", side.node.children("players"), player_totals)
    played = sum(line.minutes for line in players.kept)
    points = sum(line.points for line in players.kept)
    # The minutes of a player who cannot be read are not known to be missing: he alone is set aside.
    if players.set_aside and played:
        return ""
    return lacks_content(side.team.tricode, played, minutes, points, side.node.count("score"))


@dataclass(frozen=True)
class PlayerTotals:
    """What a player adds to the team."""

    minutes: float
    points: int


def player_totals(player: Node) -> PlayerTotals:
    """Read a player's share of the team's totals, and check that every law can be told of the player.

    Raises SourceChanged for a line of another shape: such a player is set aside by every reading.
    """
    line = player.child("statistics")
    player.text("name")
    for counted in (*_COUNTED, *(f"{shots}Attempted" for shots in SHOTS)):
        line.integer(counted)
    return PlayerTotals(seconds(line.text("minutes")) / 60, line.integer("points"))


def broken_laws(box: BoxScore) -> list[str]:
    """Name what does not add up in a final box score; empty when it is whole.

    A team's players have played five times the length of the game between them, and what they scored is the team's
    score, which is that of its periods, unless points were given to the team itself. Nobody does less than nothing, or
    makes more shots than he takes.
    """
    return [law for side in box.sides for law in _broken_by(side, team_minutes(box.periods))]


def _broken_by(side: Side, minutes: int) -> list[str]:
    name, score = side.team.tricode, side.node.count("score")
    players = read_items("players", side.node.children("players"), player_totals)
    played = sum(line.minutes for line in players.kept)
    points = sum(line.points for line in players.kept)
    by_period = sum(period.count("score") for period in side.node.children("periods"))
    broken = []
    # Rounded: seconds are missing in every second box score, and are never made good.
    if round(played) != minutes:
        broken.append(f"{name}: the players have {played:.1f} minutes, not {minutes}")
    # Told and not decided on: points may be given to the team itself.
    if points != score:
        broken.append(f"{name}: the players have {points} points, the team {score}")
    if by_period != score:
        broken.append(f"{name}: the periods have {by_period} points, the team {score}")
    return [*broken, *(law for player in players.sources for law in _broken_by_player(name, player))]


def _broken_by_player(team: str, player: Node) -> Iterator[str]:
    line = player.child("statistics")
    for counted in _COUNTED:
        if line.integer(counted) < 0:
            yield f"{team}: {player.text('name')} has {line.integer(counted)} {counted}"
    for shots in SHOTS:
        if line.integer(f"{shots}Made") > line.integer(f"{shots}Attempted"):
            yield f"{team}: {player.text('name')} makes more {shots} than he takes"


def _league_date(game: Node) -> date:
    """Read the date in the game code, "20250115/NYKPHI": a game belongs to it even if it tips after midnight."""
    code = game.text("gameCode")
    try:
        return datetime.strptime(code.partition("/")[0], "%Y%m%d").date()  # noqa: DTZ007  # a date
    except ValueError as error:
        raise SourceChanged(f"{game.path}.gameCode is {code!r}, not YYYYMMDD/AWYHOM") from error

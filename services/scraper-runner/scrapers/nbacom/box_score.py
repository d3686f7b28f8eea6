"""The CDN's box score of a game, which exists from the tip on and counts once the game is over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import Field, JsonValue

from scrapers.drift import Drift, find_drift, names
from scrapers.json_document import Node, json_object
from scrapers.nbacom.cdn import game_document
from scrapers.nbacom.durations import seconds, team_minutes
from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.source_records import CamelRecord
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Http, Parsed, Payload, Record, ScrapeParameters

_GAME = names("gameId gameCode gameStatus gameStatusText period homeTeam awayTeam")
_GAME_UNREAD = names(
    "gameTimeLocal gameTimeUTC gameTimeHome gameTimeAway gameEt duration regulationPeriods gameClock attendance"
    " sellout arena officials"
)
_TEAM = names("teamId teamTricode score periods players statistics")
_TEAM_UNREAD = names("teamName teamCity inBonus timeoutsRemaining")

_SHOTS = ("fieldGoals", "threePointers", "freeThrows")
_COUNTED = ("points", "assists", "steals", "blocks", *(f"{shots}Made" for shots in _SHOTS))

Summary = Mapping[str, JsonValue]


class GameParameters(ScrapeParameters):
    """`game_date` is the league's date of the game, game_id its ten digits."""

    game_id: str = Field(pattern=r"^00\d{8}$")


@dataclass(frozen=True)
class BoxScore:
    """game_code: "20250115/NYKPHI". game_date: the league's. status_text: as printed, "Q3 5:21". home and away: the
    teams' nodes."""

    game_id: str
    game_code: str
    game_date: date
    status: GameStatus
    status_text: str
    periods: int
    home: Node
    away: Node
    drift: Sequence[Drift]

    @property
    def sides(self) -> tuple[tuple[Node, Node], tuple[Node, Node]]:
        """Each team with its opponent, home first."""
        return (self.home, self.away), (self.away, self.home)

    def names(self, team: Node, opponent: Node) -> dict[str, Any]:
        """What every record of the game says of its team."""
        return {
            "game_id": self.game_id,
            "team": team.name("teamTricode"),
            "team_id": team.number("teamId"),
            "opponent": opponent.name("teamTricode"),
            "home": team is self.home,
        }

    @property
    def not_final(self) -> str:
        """Why the box score does not count yet; blank once the game is over."""
        if self.status == "final":
            return ""
        return f"game {self.game_id} is {self.status} ({self.status_text}), not final"


class BoxRecord(CamelRecord):
    """What every record of a box score says. team, opponent: tricodes. seconds_played: 2624 for 43:44; of a team, of
    its five players together."""

    game_id: str
    team: str
    team_id: int
    opponent: str
    home: bool
    seconds_played: float


def fetch_box_score(parameters: GameParameters, http: Http) -> Payload:
    """The game's box score.

    Raises:
        NotPublished, Blocked, SourceChanged: see `cdn`.
    """
    return game_document(f"boxscore/boxscore_{parameters.game_id}.json", http)


def read_box_score(payload: bytes, game_id: str) -> BoxScore:
    """Raises Undecodable, or SourceChanged: another shape, or the box score of another game."""
    game = json_object(payload, "the box score").child("game")
    if game.text("gameId") != game_id:
        raise SourceChanged(f"asked for game {game_id}, the box score is of {game.text('gameId')}")
    home, away = game.child("homeTeam"), game.child("awayTeam")
    return BoxScore(
        game_id=game_id,
        game_code=game.text("gameCode"),
        game_date=_league_date(game),
        status=game_status(game),
        status_text=game.text("gameStatusText").strip(),
        periods=game.number("period"),
        home=home,
        away=away,
        drift=(
            find_drift("game", [game], required=_GAME, optional=_GAME_UNREAD),
            find_drift("team", [home, away], required=_TEAM, optional=_TEAM_UNREAD),
        ),
    )


def parse_final(
    payload: bytes, parameters: GameParameters, read: Callable[[BoxScore], tuple[Sequence[Record], Summary]]
) -> Parsed:
    """What `read` makes of the box score once the game is over: the records, and what is told beside the game's own
    summary.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or another game.
    """
    box = read_box_score(payload, parameters.game_id)
    if box.not_final:
        return Parsed(
            records=(), summary={"status": box.status}, empty_reason=box.not_final, about=box.game_date
        )
    records, told = read(box)
    return Parsed(records=records, summary={**_summary(box), **told}, about=box.game_date)


def _summary(box: BoxScore) -> dict[str, JsonValue]:
    return {
        "game_id": box.game_id,
        "score": {team.name("teamTricode"): team.count("score") for team in (box.home, box.away)},
        "periods": box.periods,
        "broken_laws": [*broken_laws(box)],
    }


def broken_laws(box: BoxScore) -> list[str]:
    """What does not add up in a final box score; empty when it is whole.

    A team's players have played five times the length of the game between them, and what they scored is the team's
    score, which is that of its periods, unless points were given to the team itself. Nobody does less than nothing, or
    makes more shots than he takes.
    """
    return [law for team in (box.home, box.away) for law in _broken_by(team, team_minutes(box.periods))]


def _broken_by(team: Node, minutes: int) -> list[str]:
    name, score = team.text("teamTricode"), team.count("score")
    lines = [player.child("statistics") for player in team.children("players")]
    played = sum(seconds(line.text("minutes")) for line in lines) / 60
    points = sum(line.number("points") for line in lines)
    by_period = sum(period.count("score") for period in team.children("periods"))
    broken = []
    if round(played) != minutes:
        broken.append(f"{name}: the players have {played:.1f} minutes, not {minutes}")
    if points != score:
        broken.append(f"{name}: the players have {points} points, the team {score}")
    if by_period != score:
        broken.append(f"{name}: the periods have {by_period} points, the team {score}")
    return [*broken, *(law for player in team.children("players") for law in _broken_by_player(name, player))]


def _broken_by_player(team: str, player: Node) -> Iterator[str]:
    line = player.child("statistics")
    for counted in _COUNTED:
        if line.number(counted) < 0:
            yield f"{team}: {player.text('name')} has {line.number(counted)} {counted}"
    for shots in _SHOTS:
        if line.number(f"{shots}Made") > line.number(f"{shots}Attempted"):
            yield f"{team}: {player.text('name')} makes more {shots} than he takes"


def _league_date(game: Node) -> date:
    """The date in the game code, "20250115/NYKPHI": a game belongs to it even if it tips after midnight."""
    code = game.text("gameCode")
    try:
        return datetime.strptime(code.partition("/")[0], "%Y%m%d").date()  # noqa: DTZ007  # a date
    except ValueError as error:
        raise SourceChanged(f"{game.path}.gameCode is {code!r}, not YYYYMMDD/AWYHOM") from error

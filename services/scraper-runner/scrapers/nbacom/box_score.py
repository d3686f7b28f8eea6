"""The CDN's box score of a game, which exists from the tip-off on and is used once the game is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import Field

from scrapers.nbacom.cdn import game_document
from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.nbacom.sides import side_team
from scrapers.teams import Team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import Drift, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.source_records import CamelRecord
from tipoff_scraper_runner.scraper import Http, Payload, ScrapeParameters

# Required keys of the game object; a key beside these and the unread ones is reported as drift.
_GAME = names("gameId gameCode gameStatus gameStatusText period homeTeam awayTeam")
_GAME_UNREAD = names(
    "gameTimeLocal gameTimeUTC gameTimeHome gameTimeAway gameEt duration regulationPeriods gameClock attendance"
    " sellout arena officials"
)
_TEAM = names("teamId teamTricode score periods players statistics")
# Known and not read: scrapers.teams has the names, and the others describe a running game.
_TEAM_UNREAD = names("teamName teamCity inBonus timeoutsRemaining")


class GameParameters(ScrapeParameters):
    """`game_date` is the league's date of the game, `game_id` the game's ten digits."""

    game_id: str = Field(pattern=r"^00\d{8}$")


@dataclass(frozen=True)
class Side:
    """One team of a box score and its opponent."""

    node: Node
    team: Team
    opponent: Team
    home: bool


@dataclass(frozen=True)
class BoxScore:
    """The parts of a game's box score that the player and team scrapers share."""

    game_id: str
    game_code: str
    """"20250115/NYKPHI"."""
    game_date: date
    """The league's date of the game."""
    status: GameStatus
    status_text: str
    """As printed, "Q3 5:21"."""
    periods: int
    sides: tuple[Side, Side]
    """The home team's first."""
    drift: Sequence[Drift]

    def names(self, side: Side) -> dict[str, Any]:
        """Return the fields that every record of the side has."""
        return {
            "game_id": self.game_id,
            "team": side.team.tricode,
            "team_id": side.team.id,
            "opponent": side.opponent.tricode,
            "home": side.home,
        }

    @property
    def not_final(self) -> str:
        """Why the box score is not used yet; blank once the game is over."""
        if self.status == "final":
            return ""
        return f"game {self.game_id} is {self.status} ({self.status_text}), not final"


class BoxRecord(CamelRecord):
    """Common fields of every record of a box score."""

    game_id: str
    team: str = Field(description="tricode")
    team_id: int = Field(description="the league's")
    opponent: str = Field(description="tricode")
    home: bool
    seconds_played: float = Field(description="2624 for 43:44; for a team, the sum over its five players")


def fetch_box_score(parameters: GameParameters, http: Http) -> Payload:
    """Fetch the game's box score.

    Raises:
        NotPublished, Blocked, SourceChanged: see `cdn`.
    """
    return game_document(f"boxscore/boxscore_{parameters.game_id}.json", http)


def stated_game(payload: bytes, document_name: str) -> dict[str, str]:
    """Return the parameters that a document of one game states: the game's id.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: it states no id.
    """
    return {"game_id": json_object(payload, document_name).child("game").text("gameId")}


def read_box_score(payload: bytes, game_id: str) -> BoxScore:
    """Read the parts that both scrapers share.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, an unknown team, or another game's box score.
    """
    game = json_object(payload, "the box score").child("game")
    # Check the id first: other faults in another game's document are irrelevant.
    if game.text("gameId") != game_id:
        raise SourceChanged(f"requested game {game_id}, but the box score is of {game.text('gameId')}")
    # Take both sides before reading either, so that a missing side is reported as such.
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
        # The number of the last period gives the length of the game, overtimes included.
        periods=game.integer("period"),
        sides=(
            Side(home, home_team, away_team, home=True),
            Side(away, away_team, home_team, home=False),
        ),
        drift=drift,
    )


def _league_date(game: Node) -> date:
    """Read the league's date from the game code, "20250115/NYKPHI"; a game that tips off after midnight keeps it."""
    # The only key with the league's date: the times are instants, which may be after midnight.
    code = game.text("gameCode")
    try:
        return datetime.strptime(code.partition("/")[0], "%Y%m%d").date()  # noqa: DTZ007  # a date
    except ValueError as error:
        raise SourceChanged(f"{game.path}.gameCode is {code!r}, not YYYYMMDD/AWYHOM") from error

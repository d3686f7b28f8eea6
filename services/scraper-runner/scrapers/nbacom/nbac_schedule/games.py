"""Conversion of one game of the payload to a record."""

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from scrapers.nbacom.game_status import GameStatus, game_status
from scrapers.nbacom.sides import decided_team, is_guest, team_id
from scrapers.teams import Team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import names
from tipoff_scraper_runner.parsing.json_document import Node
from tipoff_scraper_runner.scraper import Record

GameType = Literal["preseason", "regular", "all_star", "playoffs", "play_in", "cup_final"]

# By the prefix of the game id.
GAME_TYPES: dict[str, GameType] = {
    "001": "preseason",
    "002": "regular",
    "003": "all_star",
    "004": "playoffs",
    "005": "play_in",
    "006": "cup_final",
}

# Game types in which teams from outside the league play.
EXHIBITIONS: frozenset[GameType] = frozenset({"preseason", "all_star"})

# Keys that every game has, undecided ones too; their values may be null.
_REQUIRED = names("gameId gameStatus gameStatusText gameDateTimeUTC homeTeam awayTeam")
_POSTPONED = "Y"
# Either may come first: the league sets the letter and the text separately, minutes apart.
_POSTPONED_TEXTS = frozenset({"PPD", "POSTPONED"})
_UNDECIDED = "TBD"
_UNTIMED = "0001-01-01"


class GameRecord(Record):
    """One game. The controller reads these fields from the landed file."""

    game_id: str = Field(description="the league's ten digits")
    season_year: str = Field(description='"2024-25"')
    game_date: date = Field(
        description="the league's date of the game, also for one that tips off after midnight in New York"
    )
    tipoff: datetime | None = Field(description="aware UTC; null while the time is to be decided")
    time_tbd: bool = Field(description="whether the time is to be decided; the source then gives midnight")
    game_type: GameType
    status: GameStatus = Field(description="as of the fetch; a postponed game stays scheduled")
    postponed: bool = Field(description="postponed until further notice")
    postponed_status: str = Field(description="the source's letter for postponement; blank without one")
    home_team: str | None = Field(
        description="tricode; null while undecided, or for a team outside the league"
    )
    home_team_id: int = Field(description="the source's; 0 while undecided")
    away_team: str | None = Field(description="as home_team")
    away_team_id: int = Field(description="as home_team_id")
    game_label: str | None = Field(description="as printed, null when blank")
    game_sub_label: str | None = Field(description="as printed, null when blank")
    arena: str | None = Field(description="as printed, null when blank")

    @property
    def decided(self) -> bool:
        """Whether teams and time are known and the game is not postponed."""
        return not self.time_tbd and not self.postponed and bool(self.home_team and self.away_team)


def read_game(game: Node, season_year: str, game_date: date) -> GameRecord:
    """Read one game. Raises SourceChanged for a missing or unexpected key, or an unknown team."""
    game.require(_REQUIRED)
    game_id = game.nonblank("gameId")
    game_type = _game_type(game, game_id)
    status_text = (game.optional_text("gameStatusText") or "").upper()
    # Missing for pending games in some editions, which are not postponed. The letter is stored unchanged, so that the
    # summary shows an unknown one.
    postponed_status = game.optional_text("postponedStatus") or ""
    home, away = game.child("homeTeam"), game.child("awayTeam")
    time_tbd = status_text == _UNDECIDED or _is_untimed(game)
    home_team, away_team = _team(home, game_type), _team(away, game_type)
    return GameRecord(
        game_id=game_id,
        season_year=season_year,
        game_date=game_date,
        # Null and not the source's midnight, which would be taken for a real tip-off.
        tipoff=None if time_tbd else game.instant("gameDateTimeUTC"),
        time_tbd=time_tbd,
        game_type=game_type,
        status=game_status(game),
        postponed=is_postponed(postponed_status, status_text),
        postponed_status=postponed_status,
        home_team=home_team.tricode if home_team else None,
        home_team_id=team_id(home, home_team),
        away_team=away_team.tricode if away_team else None,
        away_team_id=team_id(away, away_team),
        game_label=game.optional_text("gameLabel"),
        game_sub_label=game.optional_text("gameSubLabel"),
        arena=game.optional_text("arenaName"),
    )


def is_postponed(postponed_status: str, status_text: str) -> bool:
    """Return whether a game is postponed: `postponedStatus` is "Y", or the text is "PPD" or "POSTPONED".

    "N" is the usual letter. A season's first edition had "A" on every game, so any letter but "Y" means not postponed.
    """
    return postponed_status == _POSTPONED or status_text.upper() in _POSTPONED_TEXTS


def _is_untimed(game: Node) -> bool:
    """Return whether the time is the placeholder for "to be decided": the year 1, or no instant."""
    local, instant = game.optional_text("gameTimeEst"), game.optional_text("gameDateTimeUTC")
    return instant is None or instant.startswith(_UNTIMED) or (local or "").startswith(_UNTIMED)


def _team(side: Node, game_type: GameType) -> Team | None:
    # Keep the game with a null team: the opponent may be a league team.
    if game_type in EXHIBITIONS and is_guest(side):
        return None
    return decided_team(side)


def _game_type(game: Node, game_id: str) -> GameType:
    # A new kind of game, as the Cup final was: a person has to assign its type.
    found = GAME_TYPES.get(game_id[:3])
    if found is None:
        raise SourceChanged(
            f"{game.path}.gameId is {game_id!r:.40}; known prefixes are {', '.join(GAME_TYPES)}"
        )
    return found

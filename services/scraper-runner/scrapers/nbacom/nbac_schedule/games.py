"""One game of the payload to one record."""

from datetime import date, datetime
from typing import Literal

from scrapers.json_document import Node
from scrapers.nbacom.game_status import GameStatus, game_status
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.scraper import Record

GameType = Literal["preseason", "regular", "all_star", "playoffs", "play_in", "cup_final"]

GAME_TYPES: dict[str, GameType] = {
    "001": "preseason",
    "002": "regular",
    "003": "all_star",
    "004": "playoffs",
    "005": "play_in",
    "006": "cup_final",
}
"""By the prefix of the game id."""

_POSTPONED = "Y"
_POSTPONED_TEXTS = frozenset({"PPD", "POSTPONED"})
_UNDECIDED = "TBD"
_UNTIMED = "0001-01-01"


class GameRecord(Record):
    """One game. The controller reads these fields from the landed file.

    game_id: ten digits. season_year: "2024-25". game_date: the league's date for the game, which is the day a game
    belongs to even when it tips after midnight in New York. tipoff: the instant of the tip, aware UTC; null while
    the time is to be decided, as the source then gives midnight. time_tbd: whether it is. status: as of the fetch.
    postponed: off until further notice; its status stays "scheduled". postponed_status: the source's letter for it.
    home_team, away_team: tricodes, null while undecided; the ids are then 0. game_label, game_sub_label, arena: as
    printed, null when blank.
    """

    game_id: str
    season_year: str
    game_date: date
    tipoff: datetime | None
    time_tbd: bool
    game_type: GameType
    status: GameStatus
    postponed: bool
    postponed_status: str
    home_team: str | None
    home_team_id: int
    away_team: str | None
    away_team_id: int
    game_label: str | None
    game_sub_label: str | None
    arena: str | None


def read_game(game: Node, season_year: str, game_date: date) -> GameRecord:
    """Raises SourceChanged naming the key that is missing or not as expected."""
    game_id = game.text("gameId")
    status_text = game.text("gameStatusText").strip().upper()
    postponed_status = game.text("postponedStatus").strip()
    home, away = game.child("homeTeam"), game.child("awayTeam")
    tipoff = game.instant("gameDateTimeUTC")
    time_tbd = status_text == _UNDECIDED or (game.optional_text("gameTimeEst") or "").startswith(_UNTIMED)
    return GameRecord(
        game_id=game_id,
        season_year=season_year,
        game_date=game_date,
        tipoff=None if time_tbd else tipoff,
        time_tbd=time_tbd,
        game_type=_game_type(game, game_id),
        status=game_status(game),
        postponed=is_postponed(postponed_status, status_text),
        postponed_status=postponed_status,
        home_team=home.text("teamTricode").strip() or None,
        home_team_id=home.number("teamId"),
        away_team=away.text("teamTricode").strip() or None,
        away_team_id=away.number("teamId"),
        game_label=game.optional_text("gameLabel"),
        game_sub_label=game.optional_text("gameSubLabel"),
        arena=game.optional_text("arenaName"),
    )


def is_postponed(postponed_status: str, status_text: str) -> bool:
    """Whether a game is off: `postponedStatus` "Y" or the text "PPD".

    "N" is the other letter of a running season. A season's first edition has carried "A" on every game, so a letter
    that is merely not "N" says nothing.
    """
    return postponed_status == _POSTPONED or status_text.upper() in _POSTPONED_TEXTS


def _game_type(game: Node, game_id: str) -> GameType:
    found = GAME_TYPES.get(game_id[:3])
    if found is None:
        raise SourceChanged(f"{game.path}.gameId is {game_id!r}; known prefixes are {', '.join(GAME_TYPES)}")
    return found

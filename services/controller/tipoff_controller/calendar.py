"""The calendar of games, as the schedule scraper landed it."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tipoff_common.clock import Instant


class GameStatus(StrEnum):
    SCHEDULED = "scheduled"
    LIVE = "live"
    FINAL = "final"


class Game(BaseModel):
    """What the controller reads of a game; the file holds more.

    game_date: the league's day of the game; a tip-off after midnight still belongs to the evening before.
    tipoff: None while the time is to be decided. Teams are tricodes, None while they are to be decided.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    game_id: str
    game_date: date
    game_type: str
    tipoff: Instant | None
    status: GameStatus
    postponed: bool
    home_team: str | None
    away_team: str | None

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(team for team in (self.away_team, self.home_team) if team)


class ScheduleFile(BaseModel):
    """The document that the schedule scraper lands."""

    model_config = ConfigDict(extra="ignore")

    records: tuple[Game, ...]


class Calendar:
    """Games by business date. `fetched_at` is when the source was asked."""

    def __init__(self, games: Iterable[Game], fetched_at: datetime) -> None:
        self.fetched_at = fetched_at
        by_date: dict[date, list[Game]] = {}
        for game in games:
            by_date.setdefault(game.game_date, []).append(game)
        self._by_date: Mapping[date, tuple[Game, ...]] = {
            day: tuple(sorted(games, key=lambda game: game.game_id)) for day, games in by_date.items()
        }

    def games_on(self, day: date, types: Iterable[str]) -> tuple[Game, ...]:
        """The day's games of these types that are to be played; a postponed one is not."""
        wanted = frozenset(types)
        return tuple(
            game for game in self._by_date.get(day, ()) if not game.postponed and game.game_type in wanted
        )

    def age(self, now: datetime) -> timedelta:
        return now - self.fetched_at


def read_calendar(document: bytes, fetched_at: datetime) -> Calendar:
    """Raises ValueError (pydantic's ValidationError) when the document is not a landed schedule."""
    return Calendar(ScheduleFile.model_validate_json(document).records, fetched_at)

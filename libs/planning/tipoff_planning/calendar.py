"""The calendar of games, as the schedule scraper landed it."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, Field

from tipoff_common.clock import Instant
from tipoff_planning.frozen import Frozen


class GameStatus(StrEnum):
    """State of a game in the league's schedule."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    FINAL = "final"


class Game(Frozen):
    """The fields of a game that the controller reads; the file holds more."""

    # The scraper may land more fields at any time; a field that decisions do not read must not stop them.
    game_id: str
    game_date: date = Field(
        description="the league's day of the game; a tip-off after midnight belongs to the evening before"
    )
    game_type: str = Field(
        description="preseason, regular, play_in, playoffs and so on, as the parser names it"
    )
    tipoff: Instant | None = Field(description="null while the time is undecided")
    status: GameStatus
    postponed: bool = Field(description="not played on this date; the game may be listed on another one too")
    home_team: str | None = Field(description="tricode, null while the team is undecided")
    away_team: str | None = Field(description="tricode, null while the team is undecided")

    @property
    def teams(self) -> tuple[str, ...]:
        """The tricodes of the known teams, away before home."""
        return tuple(team for team in (self.away_team, self.home_team) if team)


class ScheduleFile(BaseModel):
    """The document that the schedule scraper lands."""

    # Refuse an empty schedule: as a calendar it would cancel every game of the season.
    records: tuple[Game, ...] = Field(min_length=1)


class Calendar:
    """Games by business date. `fetched_at` is the time of the request to the source."""

    def __init__(self, games: Iterable[Game], fetched_at: datetime) -> None:
        self.fetched_at = fetched_at
        # A cache: an evaluation reads the same days for each workflow and each occurrence.
        self._playable: dict[tuple[date, tuple[str, ...]], tuple[Game, ...]] = {}
        by_date: dict[date, dict[str, Game]] = {}
        # By id: a document may list a game twice on its day, and the later entry is the corrected one.
        for game in games:
            by_date.setdefault(game.game_date, {})[game.game_id] = game
        self._by_date: Mapping[date, tuple[Game, ...]] = {
            # Sorted, so that the same games give the same plan in any order of the source.
            day: tuple(by_id[game_id] for game_id in sorted(by_id))
            for day, by_id in by_date.items()
        }

    @property
    def span(self) -> tuple[date, date] | None:
        """The first and the last day with games, postponed ones included; None for a calendar without games."""
        return (min(self._by_date), max(self._by_date)) if self._by_date else None

    def uncovered(self, day: date) -> str | None:
        """Return a sentence that the calendar does not cover a day, with the span it covers; None if it covers the day.

        A landed schedule holds one season, so a day outside of it may have games that the calendar lacks.
        """
        if self.span is None or self.span[0] <= day <= self.span[1]:
            return None
        return f"the calendar does not cover {day} (it has games from {self.span[0]} to {self.span[1]})"

    def fetched_again(self, at: datetime) -> "Calendar":
        """Return the same games with the time of a later request to the source."""
        again = copy(self)
        again.fetched_at = at
        return again

    def games_on(self, day: date, types: Iterable[str]) -> tuple[Game, ...]:
        """Return the day's games of these types without the postponed ones."""
        key = day, tuple(types)
        if key not in self._playable:
            games = self._by_date.get(day, ())
            self._playable[key] = tuple(
                game for game in games if not game.postponed and game.game_type in key[1]
            )
        return self._playable[key]

    @property
    def game_names(self) -> Mapping[str, str]:
        """Matchups such as CHA@LAL by game id; without the games whose teams are undecided."""
        return {
            game.game_id: f"{game.away_team}@{game.home_team}"
            for games in self._by_date.values()
            for game in games
            if game.away_team and game.home_team
        }

    def all_on(self, day: date) -> tuple[Game, ...]:
        """Return the day's games, postponed ones included."""
        return self._by_date.get(day, ())

    def game(self, game_id: str) -> Game | None:
        """Return the game with this id; if it is listed on two dates, the entry of the date it is played on."""
        found = [game for games in self._by_date.values() for game in games if game.game_id == game_id]
        # A postponed game keeps an entry on its old date; False sorts before True, so the played entry wins.
        return min(found, key=lambda game: game.postponed, default=None)

    def age(self, now: datetime) -> timedelta:
        """Return the time since the request to the source."""
        return now - self.fetched_at


def read_calendar(document: bytes, fetched_at: datetime) -> Calendar:
    """Parse a landed schedule. Raises ValueError (pydantic's ValidationError) if the document is not a schedule."""
    return Calendar(ScheduleFile.model_validate_json(document).records, fetched_at)

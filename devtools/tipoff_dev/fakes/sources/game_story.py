"""The story of a game: invented players, minutes and events, which depend on the game's id and the teams only.

Box score, play-by-play and scorer's report are all counted from the story, so they agree with each other and with the
score in the schedule.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import repeat
from random import Random
from typing import Literal

from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame
from tipoff_dev.fakes.sources.teams import FakeTeam

Kind = Literal["2pt", "3pt", "freethrow", "rebound", "turnover", "steal", "block", "foul", "assist"]
Absence = Literal["", "DNP_COACH", "DNP_INJURY", "INACTIVE_INJURY", "INACTIVE_GLEAGUE_TWOWAY"]

STARTERS, PLAYED, LISTED = 5, 10, 13
PERIOD_SECONDS, OVERTIME_SECONDS = 720, 300
POINTS = {"2pt": 2, "3pt": 3, "freethrow": 1}

_FIRST = (
    *("Amos", "Boyd", "Cole", "Dane", "Ezra", "Ford", "Glen", "Hale"),
    *("Ivor", "Joel", "Kirk", "Lane", "Miles", "Ned", "Owen"),
)
_LAST = (
    *("Ashby", "Birch", "Crane", "Dunlop", "Easton", "Farrow", "Goss", "Hobart"),
    *("Ingram", "Jessup", "Keene", "Larkin", "Marlow", "Nolan", "Orme"),
)
_POSITIONS = ("SF", "PF", "C", "SG", "PG")
_STARTER_SECONDS, _BENCH_SECONDS = 32 * 60, 16 * 60


@dataclass(frozen=True)
class Player:
    """One player of a game."""

    id: int
    first: str
    last: str
    jersey: str
    position: str
    """The position of a starter; blank for others."""
    absence: Absence
    """The source's code for the reason of the absence; blank for a player who plays."""
    seconds: int

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def initial_name(self) -> str:
        """The name as box scores abbreviate it."""
        return f"{self.first[0]}. {self.last}"

    @property
    def starter(self) -> bool:
        """Whether the player starts."""
        return bool(self.position)


@dataclass(frozen=True)
class GameEvent:
    """An action of a player."""

    period: int
    left: float
    """Seconds left in the period."""
    side: int
    player: Player
    kind: Kind
    made: bool = False
    """Whether a shot went in; for a rebound, whether it was offensive."""


@dataclass(frozen=True)
class GameStory:
    """The players and events of a game. Index 0 is the home team, 1 the visitors."""

    game_id: str
    teams: tuple[FakeTeam, FakeTeam]
    players: tuple[Sequence[Player], Sequence[Player]]
    events: Sequence[GameEvent]
    periods: int

    @cached_property
    def _counts(self) -> Mapping[tuple[int, Kind, Player | None, bool | None], int]:
        """The number of events for every combination of the arguments of `count`."""
        return Counter(
            (event.side, event.kind, player, made)
            for event in self.events
            for player in (event.player, None)
            for made in (event.made, None)
        )

    def points(self, side: int, period: int | None = None) -> int:
        """Return the points of a side, in the whole game or in one period."""
        return sum(
            POINTS[event.kind]
            for event in self.events
            if event.side == side and event.made and event.kind in POINTS and period in (None, event.period)
        )

    def count(self, side: int, kind: Kind, *, player: Player | None = None, made: bool | None = None) -> int:
        """Count a side's events of a kind, optionally of one player only, and made or missed ones only."""
        return self._counts.get((side, kind, player, made), 0)


def final_points(game: ScenarioGame) -> tuple[int, int]:
    """Return the final score, home first. No game ends in a tie."""
    home, away = (95 + zlib.crc32(f"{game.id}{tricode}".encode()) % 35 for tricode in (game.home, game.away))
    return (home + 1, away) if home == away else (home, away)


def has_overtime(game: ScenarioGame) -> bool:
    """Return whether the game has an overtime: one in sixteen."""
    return zlib.crc32(game.id.encode()) % 16 == 0


@lru_cache(maxsize=256)
def _story(game: ScenarioGame, home: FakeTeam, away: FakeTeam) -> GameStory:
    random = Random(zlib.crc32(game.id.encode()))  # noqa: S311  # no secret depends on it
    overtime = has_overtime(game)
    players = (_players(home, overtime), _players(away, overtime))
    periods = 5 if overtime else 4
    events: list[GameEvent] = []
    for side, points in enumerate(final_points(game)):
        events.extend(_events(random, side, points, players, periods))
    events.sort(key=lambda event: (event.period, -event.left))
    return GameStory(game.id, (home, away), players, events, periods)


def tell(scenario: Scenario, game: ScenarioGame) -> GameStory:
    """Return the story of the whole game."""
    return _story(game, scenario.team(game.home), scenario.team(game.away))


def roster(team: FakeTeam) -> Sequence[Player]:
    """Return the team's players; the same ones play in every game."""
    return _players(team, overtime=False)


@lru_cache(maxsize=64)  # thousands of transactions each use a player
def _players(team: FakeTeam, overtime: bool) -> Sequence[Player]:
    absences: dict[int, Absence] = {10: "DNP_COACH", 11: "INACTIVE_INJURY", 12: "INACTIVE_GLEAGUE_TWOWAY"}
    shift = team.id % len(_FIRST)
    return tuple(
        Player(
            id=1_600_000 + team.id % 1000 * 20 + number,
            first=_FIRST[(number + shift) % len(_FIRST)],
            last=_LAST[(number * 2 + shift) % len(_LAST)],
            jersey=str(number * 3),
            position=_POSITIONS[number] if number < STARTERS else "",
            absence=absences.get(number, ""),
            seconds=_seconds(number, overtime),
        )
        for number in range(LISTED)
    )


def _seconds(number: int, overtime: bool) -> int:
    """Return a player's seconds. The starters play the overtime; a team's total is five times the game's length."""
    if number < STARTERS:
        return _STARTER_SECONDS + (OVERTIME_SECONDS if overtime else 0)
    return _BENCH_SECONDS if number < PLAYED else 0


def _events(
    random: Random, side: int, points: int, players: tuple[Sequence[Player], Sequence[Player]], periods: int
) -> Iterator[GameEvent]:
    """Yield one side's shots for `points`, its misses, turnovers and fouls, and the other side's reactions."""
    own, theirs = players[side][:PLAYED], players[1 - side][:PLAYED]
    for kind in _scores(points):
        period, left = _moment(random, periods)
        yield GameEvent(period, left, side, random.choice(own), kind, made=True)
        if kind != "freethrow" and random.random() < 0.6:
            yield GameEvent(period, left, side, random.choice(own), "assist")
    for _ in range(46):
        period, left = _moment(random, periods)
        missed: Kind = random.choice(("2pt", "3pt"))
        yield GameEvent(period, left, side, random.choice(own), missed)
        if random.random() < 0.1:
            yield GameEvent(period, left, 1 - side, random.choice(theirs), "block")
        offensive = random.random() < 0.25
        catcher = side if offensive else 1 - side
        yield GameEvent(
            period, left, catcher, random.choice(own if offensive else theirs), "rebound", made=offensive
        )
    for _ in range(13):
        period, left = _moment(random, periods)
        yield GameEvent(period, left, side, random.choice(own), "turnover")
        if random.random() < 0.5:
            yield GameEvent(period, left, 1 - side, random.choice(theirs), "steal")
    for number in range(19):
        period, left = _moment(random, periods)
        yield GameEvent(period, left, side, own[number % PLAYED], "foul")


def _scores(points: int) -> Iterator[Kind]:
    """Yield shots that make `points`: a dozen threes, about as many free throws, the rest twos."""
    threes = 12
    free_throws = 16 + (points - 3 * threes) % 2
    yield from repeat("3pt", threes)
    yield from repeat("freethrow", free_throws)
    yield from repeat("2pt", (points - 3 * threes - free_throws) // 2)


def _moment(random: Random, periods: int) -> tuple[int, float]:
    period = random.randint(1, periods) if periods == 4 else random.choice((1, 1, 2, 2, 3, 3, 4, 4, 5))
    length = PERIOD_SECONDS if period <= 4 else OVERTIME_SECONDS
    return period, random.randint(1, length * 10 - 1) / 10

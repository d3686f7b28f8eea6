"""Simulated sources and their answers at an instant. Each random draw depends only on the seed and its own subject, so
that an addition to a configuration does not change other draws."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random

from tipoff_common.catalog import Catalog, ScraperSpec
from tipoff_common.clock import business_date, local_instant
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.calendar import Game
from tipoff_simulator.world import AfterTip, Always, Postponement, TimeOfDay, World

ALWAYS = datetime.min.replace(tzinfo=UTC)
"""The publication instant of data that is always available."""
_GAME_ID = re.compile(r"\d{10}$")
"""A game's id, also at the end of a simulated fan-out value."""


@dataclass(frozen=True)
class Answer:
    """The result of one simulated execution."""

    status: Status
    seconds: float
    """The duration of the execution."""
    kind: FailureKind | None = None
    outputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Values to fan out over, by key."""
    missing: tuple[str, ...] = ()
    """The games that the document lacks."""


class Upstream:
    """All sources. games: the schedule as first published."""

    def __init__(self, world: World, catalog: Catalog, games: Iterable[Game], seed: int) -> None:
        self._world, self._catalog, self._seed = world, catalog, seed
        self._games = tuple(games)
        self._teams = {team for game in self._games for team in game.teams}
        self._postponed = self._postponements()
        self._played = self._really_played()
        self._published: dict[tuple[str, date, str], datetime | None] = {}
        self._shown: dict[int, tuple[Game, ...]] = {}

    def schedule_at(self, instant: datetime) -> tuple[Game, ...]:
        """Return the schedule at an instant; the same object while nothing has changed."""
        announced = [item for item in self._postponed.values() if item.announced <= instant]
        # Announcements only accumulate, so their number identifies the version of the schedule.
        if len(announced) not in self._shown:
            called_off = {item.game_id: item for item in announced}
            self._shown[len(announced)] = tuple(
                shown for game in self._games for shown in _shown(game, called_off.get(game.game_id))
            )
        return self._shown[len(announced)]

    def published_at(self, scraper: str, game_date: date, subject: str) -> datetime | None:
        """Return the publication of the data: ALWAYS, an instant, or None for never."""
        key = (scraper, game_date, subject)
        if key not in self._published:
            self._published[key] = self._publication(*key)
        return self._published[key]

    def games_of(self, game_date: date, subject: str) -> tuple[Game, ...]:
        """Return a subject's games that are played on a date: those that it names by id or team, else all of the
        day."""
        games = self._played.get(game_date, ())
        names = subject.split("&")
        named = [name for name in names if _GAME_ID.search(name) or name in self._teams]
        if not named:
            return games
        return tuple(
            game for game in games if any(name.endswith(game.game_id) or name in game.teams for name in named)
        )

    def answer(self, request_id: str, scraper: str, game_date: date, subject: str, now: datetime) -> Answer:
        """Return the source's answer to a request at an instant."""
        spec = self._catalog[scraper]
        kind = self._failure(request_id, spec, now)
        if kind is not None:
            timeout = kind is FailureKind.TIMEOUT
            seconds = spec.timeout_seconds if timeout else self._world.execution_seconds
            return Answer(Status.FAILED, seconds, kind)
        published = self.published_at(scraper, game_date, subject)
        # In an outage without a kind the source answers, and has nothing.
        withheld = any(it.kind is None and it.hits(scraper, spec.source, now) for it in self._world.outages)
        if withheld or published is None or published > now:
            return Answer(Status.NO_DATA, self._world.execution_seconds)
        return Answer(
            Status.SUCCESS,
            self._world.execution_seconds,
            outputs=self._outputs(spec, game_date),
            missing=self._missing(scraper, game_date, subject, published, now),
        )

    def _missing(
        self, scraper: str, game_date: date, subject: str, published: datetime, now: datetime
    ) -> tuple[str, ...]:
        rule, games = self._world.publication.get(scraper), self.games_of(game_date, subject)
        if not isinstance(rule, TimeOfDay | AfterTip) or rule.complete_after is None or not games:
            return ()
        # Drawn for the subject and not the request: every answer before `complete_after` lacks the same game.
        luck = self._luck("incomplete", scraper, game_date, subject)
        if luck.random() >= rule.incomplete or published + rule.complete_after <= now:
            return ()
        game = luck.choice(games)
        return (f"{game.away_team}@{game.home_team}",)

    def _failure(self, request_id: str, spec: ScraperSpec, now: datetime) -> FailureKind | None:
        for outage in self._world.outages:
            if outage.kind is not None and outage.hits(spec.name, spec.source, now):
                return outage.kind
        if chances := self._world.failures.get(spec.name):
            draw = self._luck("failure", request_id).random()
            # One draw against cumulated chances, sorted so that the order in the file does not matter.
            for kind, chance in sorted(chances.items()):
                if draw < chance:
                    return kind
                draw -= chance
        return None

    def _publication(self, scraper: str, game_date: date, subject: str) -> datetime | None:
        spec, rule = self._catalog[scraper], self._world.publication.get(scraper)
        games = self.games_of(game_date, subject)
        if not games and (spec.needs_games or isinstance(rule, AfterTip)):
            return None
        match rule:
            case None | Always():
                return ALWAYS
            case TimeOfDay():
                luck = self._luck("publication", scraper, game_date, subject)
                if luck.random() < rule.never:
                    return None
                day = game_date + timedelta(days=rule.days_after)
                low, usual, high = (local_instant(day, at) for at in (rule.earliest, rule.usual, rule.latest))
                return low + _between(luck, timedelta(), usual - low, high - low)
            case AfterTip():
                instants = [self._after_tip(rule, scraper, game) for game in games]
                known = [instant for instant in instants if instant is not None]
                # A document about several games is published after the last of them, or never if one never is.
                return max(known) if len(known) == len(instants) else None

    def _after_tip(self, rule: AfterTip, scraper: str, game: Game) -> datetime | None:
        luck = self._luck("publication", scraper, game.game_date, game.game_id)
        if luck.random() < rule.never or game.tipoff is None:
            return None
        return game.tipoff + _between(luck, rule.earliest, rule.usual, rule.latest)

    def _outputs(self, spec: ScraperSpec, game_date: date) -> dict[str, tuple[str, ...]]:
        games = self._played.get(game_date, ())
        return {key: tuple(f"{key}-{game.game_id}" for game in games) for key in spec.fan_out_keys}

    def _postponements(self) -> Mapping[str, Postponement]:
        chance, notice = self._world.postponed, self._world.postponed_before_tip
        found = {}
        for game in self._games if chance and notice else ():
            drawn = self._luck("postponed", game.game_id).random() < chance
            if drawn and notice and game.tipoff and not game.postponed:
                found[game.game_id] = Postponement(game_id=game.game_id, announced=game.tipoff - notice)
        # Postponements that the world names replace drawn ones of the same game.
        return {**found, **{item.game_id: item for item in self._world.postponements}}

    def _really_played(self) -> Mapping[date, tuple[Game, ...]]:
        by_date: dict[date, tuple[Game, ...]] = {}
        for game in self._games:
            for shown in _shown(game, self._postponed.get(game.game_id)):
                if not shown.postponed:
                    by_date[shown.game_date] = (*by_date.get(shown.game_date, ()), shown)
        return by_date

    def _luck(self, *key: object) -> Random:
        return Random("/".join(map(str, (self._seed, *key))))  # noqa: S311  # luck, not a secret


def _shown(game: Game, called_off: Postponement | None) -> tuple[Game, ...]:
    """Return the schedule's entries of a game. A postponed game stays on its old date as postponed and, when it is
    played later, is on the new date too."""
    if called_off is None:
        return (game,)
    old = game.model_copy(update={"postponed": True})
    if called_off.tipoff is None:
        return (old,)
    tipoff = called_off.tipoff.astimezone(UTC)
    return (old, game.model_copy(update={"tipoff": tipoff, "game_date": business_date(tipoff)}))


def _between(luck: Random, low: timedelta, usual: timedelta, high: timedelta) -> timedelta:
    seconds = luck.triangular(low.total_seconds(), high.total_seconds(), usual.total_seconds())
    return timedelta(seconds=round(seconds))

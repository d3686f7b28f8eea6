"""The shape of the payload. cdn.nba.com's `scheduleLeagueV2` and stats.nba.com's `scheduleleaguev2int` share it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from scrapers.nbacom.nbac_schedule.games import GameRecord, read_game
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.json_document import Node, json_object
from tipoff_scraper_runner.parsing.odd_items import keep_first, read_items

_SEASON = re.compile(r"\d{4}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Schedule:
    """A season's games as the document has them."""

    season_year: str
    """"2024-25"."""
    games: Sequence[GameRecord]
    """Ordered by date and id. A game that is called off on one date and played on another is listed on both."""
    set_aside: Sequence[str]
    """One reason for each game or day that could not be read."""


# Cached, as `fetching` reads the payload for its staleness just before `parse` reads it again.
@lru_cache(maxsize=1)
def read_schedule(payload: bytes) -> Schedule:
    """Read every game, in any order of the payload.

    Raises:
        Undecodable: not JSON, or cut short.
        SourceChanged: another shape, or most games are odd.
    """
    schedule = json_object(payload, "the schedule").child("leagueSchedule")
    season_year = _season_year(schedule)
    days = read_items("days", schedule.children("gameDates"), _read_day)
    # One list of all games: the share of odd ones is computed over the season and not per day.
    nodes = [(day, node) for day, games in days.kept for node in games]
    found = read_items("games", nodes, lambda item: read_game(item[1], season_year, item[0]))
    # Keyed by date and id: a game that was called off and is played later is on both dates.
    games, differing = keep_first(found.kept, lambda game: (game.game_date, game.game_id), "a game")
    return Schedule(
        season_year=season_year,
        games=tuple(sorted(games, key=lambda game: (game.game_date, game.game_id))),
        set_aside=(*days.set_aside, *found.set_aside, *differing),
    )


def _season_year(schedule: Node) -> str:
    printed = schedule.nonblank("seasonYear")
    # Seasons are compared as texts, which needs this form.
    if not _SEASON.fullmatch(printed):
        raise SourceChanged(f"{schedule.path}.seasonYear is {printed!r:.40}, not YYYY-YY")
    return printed


def _read_day(day: Node) -> tuple[date, list[Node]]:
    return day.day("gameDate", "%m/%d/%Y %H:%M:%S", "'MM/DD/YYYY 00:00:00'"), day.children("games")

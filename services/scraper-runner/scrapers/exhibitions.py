"""Games of two teams that are none of the league's thirty, such as the All-Star weekend's.

They belong to no team's season: they are left out of the records and listed by name, and the day's other games stay. A
game of one league team against an unknown name is no exhibition but an odd item.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue

from scrapers.teams import UnknownTeam, team
from tipoff_scraper_runner.errors import SourceChanged

G = TypeVar("G")

# The number of Rising Stars games. More on one day are the league's own teams in an unknown spelling.
MOST_A_DAY = 3


@dataclass(frozen=True)
class DaysGames(Generic[G]):
    """One day's games, split into league games and exhibitions."""

    league: tuple[G, ...]
    """The games with a team of the league, and those with unreadable names."""
    exhibitions: tuple[JsonValue, ...]
    """The other games as "away@home", in the source's spelling."""


def part_exhibitions(games: Iterable[G], names: Callable[[G], tuple[str, str]]) -> DaysGames[G]:
    """Split one day's games; `names` reads the away and the home team in the source's spelling.

    Raises:
        UnknownTeam: there are more exhibitions than on any real day.
    """
    league: list[G] = []
    exhibitions: list[JsonValue] = []
    for game in games:
        try:
            spelled = names(game)
        except SourceChanged:
            # An odd game is no exhibition.
            league.append(game)  # the reader of the league's games reports the fault
            continue
        unknown = [name for name in spelled if not _is_known(name)]
        # One known team: its opponent has a new spelling, or is a club from abroad. The set-aside item names it.
        if len(unknown) < len(spelled):
            league.append(game)
            continue
        exhibitions.append("@".join(spelled))
        if len(exhibitions) > MOST_A_DAY:
            listed = ", ".join(map(str, exhibitions))
            raise UnknownTeam(
                f"unknown team {unknown[0]!r}: {listed} are more than {MOST_A_DAY} exhibitions on one day"
            )
    return DaysGames(tuple(league), tuple(exhibitions))


def _is_known(name: str) -> bool:
    try:
        team(name)
    except UnknownTeam:
        return False
    return True

"""Games of two teams that are none of the league's thirty, such as the All-Star weekend's.

They are no game of anybody's season, and one of them is no reason to lose the others of its day: they are left out, and
told by name. A game of one team of the league against a name that nobody knows is no exhibition but an odd item.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue

from scrapers.teams import UnknownTeam, team
from tipoff_scraper_runner.errors import SourceChanged

G = TypeVar("G")

# As many as the Rising Stars play. More on one day are the league's own teams in a spelling that is not
# known yet.
MOST_A_DAY = 3


@dataclass(frozen=True)
class DaysGames(Generic[G]):
    """One day's games, parted."""

    league: tuple[G, ...]
    """The games with a team of the league, and those that cannot be read."""
    exhibitions: tuple[JsonValue, ...]
    """The others, "away@home" as it is spelled."""


def part_exhibitions(games: Iterable[G], names: Callable[[G], tuple[str, str]]) -> DaysGames[G]:
    """Part one day's games; `names` reads the away and the home team as the source spells them.

    Raises:
        UnknownTeam: there are more exhibitions than any day has.
    """
    league: list[G] = []
    exhibitions: list[JsonValue] = []
    for game in games:
        try:
            spelled = names(game)
        except SourceChanged:
            # An odd game is nobody's exhibition.
            league.append(game)  # whoever reads it next says what is odd about it
            continue
        unknown = [name for name in spelled if not _is_known(name)]
        # One known team: whoever plays it is spelled in a new way, or is a club from abroad. The item says
        # which name.
        if len(unknown) < len(spelled):
            league.append(game)
            continue
        exhibitions.append("@".join(spelled))
        if len(exhibitions) > MOST_A_DAY:
            listed = ", ".join(map(str, exhibitions))
            raise UnknownTeam(f"no team is spelled {unknown[0]!r}: {listed} are too many for exhibitions")
    return DaysGames(tuple(league), tuple(exhibitions))


def _is_known(name: str) -> bool:
    try:
        team(name)
    except UnknownTeam:
        return False
    return True

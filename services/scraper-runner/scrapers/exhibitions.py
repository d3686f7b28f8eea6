"""Games with a team that is none of the league's thirty: the All-Star weekend's, and those against clubs from abroad.

They are no game of anybody's season, and one of them is no reason to lose the others of its day: they are left out, and
told by name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue

from scrapers.teams import UnknownTeam, team

G = TypeVar("G")

MOST_A_DAY = 3
"""As many as the Rising Stars play. More on one day are the league's own teams in a spelling that is not known yet."""


@dataclass(frozen=True)
class DaysGames(Generic[G]):
    """league: the games between two teams of the league. exhibitions: the others, "away@home" as it is spelled."""

    league: tuple[G, ...]
    exhibitions: tuple[JsonValue, ...]


def part_exhibitions(games: Iterable[G], names: Callable[[G], tuple[str, str]]) -> DaysGames[G]:
    """Parts one day's games; `names` gives the away and the home team as the source spells them.

    Raises:
        UnknownTeam: there are more exhibitions than any day has.
    """
    league: list[G] = []
    others: list[JsonValue] = []
    for game in games:
        spelled = names(game)
        try:
            for spelling in spelled:
                team(spelling)
        except UnknownTeam as error:
            others.append("@".join(spelled))
            if len(others) > MOST_A_DAY:
                raise UnknownTeam(
                    f"{error}: {', '.join(map(str, others))} are too many for exhibitions"
                ) from error
        else:
            league.append(game)
    return DaysGames(tuple(league), tuple(others))

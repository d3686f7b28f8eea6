"""The league's thirty teams, and all their spellings in the sources.

An unknown spelling is an error and never a guess: a wrong team in a record is worse than a failed scrape.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tipoff_scraper_runner.errors import SourceChanged


class UnknownTeam(SourceChanged):
    """A source has an unknown spelling of a team."""


@dataclass(frozen=True)
class Team:
    """One team, by the league's id and tricode."""

    id: int
    tricode: str
    city: str
    nickname: str

    @property
    def name(self) -> str:
        """The name as the league prints it: "LA Clippers"."""
        return f"{self.city} {self.nickname}"


TEAMS = (
    Team(1610612737, "ATL", "Atlanta", "Hawks"),
    Team(1610612738, "BOS", "Boston", "Celtics"),
    Team(1610612739, "CLE", "Cleveland", "Cavaliers"),
    Team(1610612740, "NOP", "New Orleans", "Pelicans"),
    Team(1610612741, "CHI", "Chicago", "Bulls"),
    Team(1610612742, "DAL", "Dallas", "Mavericks"),
    Team(1610612743, "DEN", "Denver", "Nuggets"),
    Team(1610612744, "GSW", "Golden State", "Warriors"),
    Team(1610612745, "HOU", "Houston", "Rockets"),
    Team(1610612746, "LAC", "LA", "Clippers"),
    Team(1610612747, "LAL", "Los Angeles", "Lakers"),
    Team(1610612748, "MIA", "Miami", "Heat"),
    Team(1610612749, "MIL", "Milwaukee", "Bucks"),
    Team(1610612750, "MIN", "Minnesota", "Timberwolves"),
    Team(1610612751, "BKN", "Brooklyn", "Nets"),
    Team(1610612752, "NYK", "New York", "Knicks"),
    Team(1610612753, "ORL", "Orlando", "Magic"),
    Team(1610612754, "IND", "Indiana", "Pacers"),
    Team(1610612755, "PHI", "Philadelphia", "76ers"),
    Team(1610612756, "PHX", "Phoenix", "Suns"),
    Team(1610612757, "POR", "Portland", "Trail Blazers"),
    Team(1610612758, "SAC", "Sacramento", "Kings"),
    Team(1610612759, "SAS", "San Antonio", "Spurs"),
    Team(1610612760, "OKC", "Oklahoma City", "Thunder"),
    Team(1610612761, "TOR", "Toronto", "Raptors"),
    Team(1610612762, "UTA", "Utah", "Jazz"),
    Team(1610612763, "MEM", "Memphis", "Grizzlies"),
    Team(1610612764, "WAS", "Washington", "Wizards"),
    Team(1610612765, "DET", "Detroit", "Pistons"),
    Team(1610612766, "CHA", "Charlotte", "Hornets"),
)

# Spellings of ESPN, Basketball Reference and the bookmakers, beside tricode, full name, nickname and city. One table
# serves all sources: a test checks that no spelling names two teams.
_OTHER_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "BKN": ("BK", "BRK"),
    "CHA": ("CHO",),
    "CLE": ("Cavs",),
    "DAL": ("Mavs",),
    "GSW": ("GS",),
    "LAC": ("Los Angeles Clippers", "L.A. Clippers"),
    "LAL": ("LA Lakers", "L.A. Lakers"),
    "MIN": ("Wolves",),
    "NOP": ("NO", "NOR"),
    "NYK": ("NY",),
    "PHI": ("Sixers", "Philadelphia Sixers"),
    "PHX": ("PHO",),
    "POR": ("Blazers", "Portland Blazers"),
    "SAS": ("SA",),
    "UTA": ("UTH",),
    "WAS": ("WSH",),
}

# A city of two teams is no spelling of either.
_TWO_TEAMS = frozenset({"LA", "Los Angeles"})


def team(name: str) -> Team:
    """Find the team that `name` spells: a tricode or another source's code, a full name, a nickname or a city.

    Letter case and runs of blanks do not matter.

    Raises:
        UnknownTeam: no team has this spelling; the message quotes it.
    """
    # No nearest match: some spellings differ in one letter only, and a record of the wrong team would go unnoticed.
    found = _BY_SPELLING.get(_key(name))
    if found is None:
        raise UnknownTeam(
            f"unknown team {name!r}; if it is a spelling of a team, add it to scrapers/teams.py"
        )
    return found


def team_by_id(team_id: int) -> Team:
    """Find the team with the league's id.

    Raises:
        UnknownTeam: no team has this id.
    """
    found = _BY_ID.get(team_id)
    if found is None:
        raise UnknownTeam(f"no team has the id {team_id}")
    return found


def is_league_id(team_id: int) -> bool:
    """Return whether one of the thirty teams has the id."""
    return team_id in _BY_ID


def _key(spelling: str) -> str:
    # Sources vary in capitals, and PDFs have two blanks at a line break.
    return " ".join(spelling.split()).casefold()


def _spellings(one: Team) -> Iterator[str]:
    yield from (one.tricode, one.name, one.nickname)
    # "Los Angeles" alone may be either of two teams.
    if one.city not in _TWO_TEAMS:
        yield one.city
    yield from _OTHER_SPELLINGS.get(one.tricode, ())


_BY_SPELLING: Mapping[str, Team] = {_key(spelling): one for one in TEAMS for spelling in _spellings(one)}
_BY_ID: Mapping[int, Team] = {one.id: one for one in TEAMS}

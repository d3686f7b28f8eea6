"""The league's teams as its payloads name them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Team:
    """city is "LA" for the Clippers, in the schedule as in the injury report."""

    tricode: str
    id: int
    city: str
    name: str
    arena: str = ""

    @property
    def full_name(self) -> str:
        """City and name."""
        return f"{self.city} {self.name}".strip()


UNDECIDED = Team("", 0, "", "")
"""How the schedule shows a team that is not known yet."""

_TEAMS = (
    Team("ATL", 1610612737, "Atlanta", "Hawks", "State Farm Arena"),
    Team("BOS", 1610612738, "Boston", "Celtics", "TD Garden"),
    Team("CLE", 1610612739, "Cleveland", "Cavaliers", "Rocket Arena"),
    Team("NOP", 1610612740, "New Orleans", "Pelicans", "Smoothie King Center"),
    Team("CHI", 1610612741, "Chicago", "Bulls", "United Center"),
    Team("DAL", 1610612742, "Dallas", "Mavericks", "American Airlines Center"),
    Team("DEN", 1610612743, "Denver", "Nuggets", "Ball Arena"),
    Team("GSW", 1610612744, "Golden State", "Warriors", "Chase Center"),
    Team("HOU", 1610612745, "Houston", "Rockets", "Toyota Center"),
    Team("LAC", 1610612746, "LA", "Clippers", "Intuit Dome"),
    Team("LAL", 1610612747, "Los Angeles", "Lakers", "Crypto.com Arena"),
    Team("MIA", 1610612748, "Miami", "Heat", "Kaseya Center"),
    Team("MIL", 1610612749, "Milwaukee", "Bucks", "Fiserv Forum"),
    Team("MIN", 1610612750, "Minnesota", "Timberwolves", "Target Center"),
    Team("BKN", 1610612751, "Brooklyn", "Nets", "Barclays Center"),
    Team("NYK", 1610612752, "New York", "Knicks", "Madison Square Garden"),
    Team("ORL", 1610612753, "Orlando", "Magic", "Kia Center"),
    Team("IND", 1610612754, "Indiana", "Pacers", "Gainbridge Fieldhouse"),
    Team("PHI", 1610612755, "Philadelphia", "76ers", "Wells Fargo Center"),
    Team("PHX", 1610612756, "Phoenix", "Suns", "Footprint Center"),
    Team("POR", 1610612757, "Portland", "Trail Blazers", "Moda Center"),
    Team("SAC", 1610612758, "Sacramento", "Kings", "Golden 1 Center"),
    Team("SAS", 1610612759, "San Antonio", "Spurs", "Frost Bank Center"),
    Team("OKC", 1610612760, "Oklahoma City", "Thunder", "Paycom Center"),
    Team("TOR", 1610612761, "Toronto", "Raptors", "Scotiabank Arena"),
    Team("UTA", 1610612762, "Utah", "Jazz", "Delta Center"),
    Team("MEM", 1610612763, "Memphis", "Grizzlies", "FedExForum"),
    Team("WAS", 1610612764, "Washington", "Wizards", "Capital One Arena"),
    Team("DET", 1610612765, "Detroit", "Pistons", "Little Caesars Arena"),
    Team("CHA", 1610612766, "Charlotte", "Hornets", "Spectrum Center"),
)

TEAMS: Mapping[str, Team] = {team.tricode: team for team in _TEAMS}

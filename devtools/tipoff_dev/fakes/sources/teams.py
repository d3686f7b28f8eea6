"""The league's teams as its payloads name them."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class FakeTeam:
    """A team in the league's documents. `city` is "LA" for the Clippers, in the schedule and in the injury report."""

    tricode: str
    id: int
    city: str
    name: str
    arena: str = ""

    @property
    def full_name(self) -> str:
        """City and name."""
        return f"{self.city} {self.name}".strip()

    @property
    def fields(self) -> dict[str, JsonValue]:
        """The first fields of a team in the league's documents."""
        return {
            "teamId": self.id,
            "teamName": self.name,
            "teamCity": self.city,
            "teamTricode": self.tricode,
        }


UNDECIDED = FakeTeam("", 0, "", "")
"""The schedule's placeholder for an undecided team."""

_TEAMS = (
    FakeTeam("ATL", 1610612737, "Atlanta", "Hawks", "State Farm Arena"),
    FakeTeam("BOS", 1610612738, "Boston", "Celtics", "TD Garden"),
    FakeTeam("CLE", 1610612739, "Cleveland", "Cavaliers", "Rocket Arena"),
    FakeTeam("NOP", 1610612740, "New Orleans", "Pelicans", "Smoothie King Center"),
    FakeTeam("CHI", 1610612741, "Chicago", "Bulls", "United Center"),
    FakeTeam("DAL", 1610612742, "Dallas", "Mavericks", "American Airlines Center"),
    FakeTeam("DEN", 1610612743, "Denver", "Nuggets", "Ball Arena"),
    FakeTeam("GSW", 1610612744, "Golden State", "Warriors", "Chase Center"),
    FakeTeam("HOU", 1610612745, "Houston", "Rockets", "Toyota Center"),
    FakeTeam("LAC", 1610612746, "LA", "Clippers", "Intuit Dome"),
    FakeTeam("LAL", 1610612747, "Los Angeles", "Lakers", "Crypto.com Arena"),
    FakeTeam("MIA", 1610612748, "Miami", "Heat", "Kaseya Center"),
    FakeTeam("MIL", 1610612749, "Milwaukee", "Bucks", "Fiserv Forum"),
    FakeTeam("MIN", 1610612750, "Minnesota", "Timberwolves", "Target Center"),
    FakeTeam("BKN", 1610612751, "Brooklyn", "Nets", "Barclays Center"),
    FakeTeam("NYK", 1610612752, "New York", "Knicks", "Madison Square Garden"),
    FakeTeam("ORL", 1610612753, "Orlando", "Magic", "Kia Center"),
    FakeTeam("IND", 1610612754, "Indiana", "Pacers", "Gainbridge Fieldhouse"),
    FakeTeam("PHI", 1610612755, "Philadelphia", "76ers", "Wells Fargo Center"),
    FakeTeam("PHX", 1610612756, "Phoenix", "Suns", "Footprint Center"),
    FakeTeam("POR", 1610612757, "Portland", "Trail Blazers", "Moda Center"),
    FakeTeam("SAC", 1610612758, "Sacramento", "Kings", "Golden 1 Center"),
    FakeTeam("SAS", 1610612759, "San Antonio", "Spurs", "Frost Bank Center"),
    FakeTeam("OKC", 1610612760, "Oklahoma City", "Thunder", "Paycom Center"),
    FakeTeam("TOR", 1610612761, "Toronto", "Raptors", "Scotiabank Arena"),
    FakeTeam("UTA", 1610612762, "Utah", "Jazz", "Delta Center"),
    FakeTeam("MEM", 1610612763, "Memphis", "Grizzlies", "FedExForum"),
    FakeTeam("WAS", 1610612764, "Washington", "Wizards", "Capital One Arena"),
    FakeTeam("DET", 1610612765, "Detroit", "Pistons", "Little Caesars Arena"),
    FakeTeam("CHA", 1610612766, "Charlotte", "Hornets", "Spectrum Center"),
)

TEAMS: Mapping[str, FakeTeam] = {team.tricode: team for team in _TEAMS}

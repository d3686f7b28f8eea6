"""ESPN's team numbers. A wrong number is detected: the document names its team.

Source: the tables that ten public projects use for the same API (`site.api.espn.com/.../nba/teams/{id}`) agree with
each other and with this one in all thirty.
"""

from scrapers.teams import Team, team

ESPN_IDS: dict[str, int] = {
    "ATL": 1,
    "BOS": 2,
    "NOP": 3,
    "CHI": 4,
    "CLE": 5,
    "DAL": 6,
    "DEN": 7,
    "DET": 8,
    "GSW": 9,
    "HOU": 10,
    "IND": 11,
    "LAC": 12,
    "LAL": 13,
    "MIA": 14,
    "MIL": 15,
    "MIN": 16,
    "BKN": 17,
    "NYK": 18,
    "ORL": 19,
    "PHI": 20,
    "PHX": 21,
    "POR": 22,
    "SAC": 23,
    "SAS": 24,
    "OKC": 25,
    "UTA": 26,
    "WAS": 27,
    "TOR": 28,
    "MEM": 29,
    "CHA": 30,
}

# Numbers are accepted too, as the address of a team's page has one.
_TRICODES = {str(number): tricode for tricode, number in ESPN_IDS.items()}


def requested_team(name: str) -> Team:
    """Find the team by tricode, another spelling or ESPN's number. Raises UnknownTeam."""
    return team(_TRICODES.get(name, name))

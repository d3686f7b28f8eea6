"""The numbers under which BALLDONTLIE has the teams: 1 to 30, by the alphabet of the cities as the league writes them
("LA" before "Los Angeles").

Source: the answers of `api.balldontlie.io/v1/teams` as two public projects keep them, which agree in all thirty.
"""

from scrapers.teams import TEAMS, Team, UnknownTeam

# The source numbers the teams by the alphabet, so the table is computed and not copied.
_IN_ORDER = sorted(TEAMS, key=lambda one: one.city)


def team_by_number(number: int) -> Team:
    """Find the team with the source's number. Raises UnknownTeam: the numbers above 30 are teams of the past."""
    if not 1 <= number <= len(_IN_ORDER):
        raise UnknownTeam(f"no team has the number {number}; 1 to {len(_IN_ORDER)} are known")
    return _IN_ORDER[number - 1]

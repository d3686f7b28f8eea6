"""BALLDONTLIE's team numbers: 1 to 30, in alphabetical order of the cities as the league writes them ("LA" before "Los
Angeles").

Source: the responses of `api.balldontlie.io/v1/teams` saved by two public projects, which agree in all thirty.
"""

from scrapers.teams import TEAMS, Team, UnknownTeam

# The source's numbers are alphabetical, so the table is computed and not copied.
_IN_ORDER = sorted(TEAMS, key=lambda one: one.city)


def team_by_number(number: int) -> Team:
    """Find the team with the source's number. Raises UnknownTeam; the numbers above 30 are former teams."""
    if not 1 <= number <= len(_IN_ORDER):
        raise UnknownTeam(f"no team has the number {number}; known numbers are 1 to {len(_IN_ORDER)}")
    return _IN_ORDER[number - 1]

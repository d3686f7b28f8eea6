"""The two teams of a game in the league's documents, resolved by `scrapers.teams`."""

from scrapers.teams import Team, is_league_id, team, team_by_id
from tipoff_scraper_runner.parsing.json_document import Node

# The league's placeholder id for an undecided team; the names beside it are "" in some seasons and null in others.
_UNDECIDED_ID = 0


def side_team(side: Node) -> Team:
    """Read the team of one side of a game, by tricode, or by id where the tricode is blank.

    Raises:
        SourceChanged: the side names no team yet, or no team of the league (UnknownTeam).
    """
    # The tricode first: other sources are joined by it, and a new one has to be noticed.
    printed = side.optional_text("teamTricode")
    return team(printed) if printed else team_by_id(side.integer("teamId"))


def is_undecided(side: Node) -> bool:
    """Return whether the side is a placeholder: the tricode is blank or null, and the id is 0 or null."""
    if side.optional_text("teamTricode") is not None:
        return False
    return (side.optional_integer("teamId") or _UNDECIDED_ID) == _UNDECIDED_ID


def decided_team(side: Node) -> Team | None:
    """Read the team of one side; None while the team is undecided. Raises SourceChanged as `side_team` does."""
    return None if is_undecided(side) else side_team(side)


def is_guest(side: Node) -> bool:
    """Return whether the side has an id outside the league: an All-Star team, or a club from abroad."""
    # By the id: guests have tricodes too, which may equal a league team's.
    number = side.optional_integer("teamId")
    return not is_undecided(side) and number is not None and not is_league_id(number)


def team_id(side: Node, found: Team | None) -> int:
    """Return the id of the side's team: the league's, or the source's own for a guest; 0 while undecided."""
    return found.id if found else side.optional_integer("teamId") or _UNDECIDED_ID

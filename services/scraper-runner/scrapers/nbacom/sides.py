"""The two teams of a game as the league's documents have them, spelled by the one team module."""

from scrapers.json_document import Node
from scrapers.teams import Team, is_league_id, team, team_by_id

# The league's placeholder in every document; the names beside it are "" in some seasons and null in others.
_UNDECIDED_ID = 0


def side_team(side: Node) -> Team:
    """Read the team of one side of a game; the id speaks where the tricode is blank.

    Raises:
        SourceChanged: the side names no team yet, or (UnknownTeam) none of the league's.
    """
    # The tricode first: it is what other sources are joined by, and a new one is to be seen.
    printed = side.optional_text("teamTricode")
    return team(printed) if printed else team_by_id(side.integer("teamId"))


def is_undecided(side: Node) -> bool:
    """Tell whether the side is a placeholder: the id 0 or null, and every name blank or null."""
    if side.optional_text("teamTricode") is not None:
        return False
    return (side.optional_integer("teamId") or _UNDECIDED_ID) == _UNDECIDED_ID


def decided_team(side: Node) -> Team | None:
    """Read the team of one side; None while it is undecided. Raises SourceChanged as `side_team` does."""
    return None if is_undecided(side) else side_team(side)


def is_guest(side: Node) -> bool:
    """Tell whether the side is named and has no id of the league: an All-Star team, or a club from abroad."""
    # By the id: guests have tricodes as well, and one may be a team's in the league some day.
    number = side.optional_integer("teamId")
    return not is_undecided(side) and number is not None and not is_league_id(number)


def team_id(side: Node, found: Team | None) -> int:
    """Read the id of the side's team: the league's, or the source's own for a guest; 0 while it is undecided."""
    return found.id if found else side.optional_integer("teamId") or _UNDECIDED_ID

"""The lists of inactive players below the tables of a scorer's report."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from scrapers.nbacom.nbac_gamebook_pdf.tables import PlayerLine
from scrapers.teams import Team, team
from tipoff_scraper_runner.errors import SourceChanged

_INACTIVE = re.compile(r"Inactive: ?(?P<team>[^-]+?) ?- ?(?P<players>.*)")
# The comma before a player with a reason: the separator when parentheses do not match.
_NEXT_INACTIVE = re.compile(r", ?(?=[^(),]+ ?\()")
# Known beginnings of the lines below a list.
_AFTER_INACTIVE = ("Points in the Paint", "SCORE BY", "Technical", "MEMO", "Copyright", "Inactive:")
_NOBODY = "None"


@dataclass(frozen=True)
class InactiveList:
    """The inactive players of one team."""

    team: Team
    players: Sequence[PlayerLine]
    text: str
    """The list as printed."""

    @property
    def balanced(self) -> bool:
        """Whether its parentheses match; if not, its players are read as far as possible."""
        return _is_balanced(self.text)


def inactive_lists(lines: Sequence[str]) -> list[str]:
    """Find the lists of inactive players, and join wrapped lines."""
    lists: list[str] = []
    open_list = False
    for line in lines:
        if line.startswith("Inactive:"):
            lists.append(line)
            open_list = True
        # A list has no end mark, so the next known line ends it.
        elif open_list and not line.startswith(_AFTER_INACTIVE):
            lists[-1] += f" {line}"
        else:
            open_list = False
    return lists


def read_inactive_list(text: str, playing: Collection[Team]) -> InactiveList:
    """Read one list. Raises SourceChanged for another form, or a team that is not `playing`."""
    match = _INACTIVE.fullmatch(text)
    if match is None:
        raise SourceChanged(
            f"a list of inactive players does not have the form 'Inactive: Team - Player (Reason), ...': {text!r:.120}"
        )
    owner = team(match["team"])
    if owner not in playing:
        raise SourceChanged(
            f"the report lists inactive players of {match['team']!r}, which does not play in this game"
        )
    return InactiveList(owner, [*_inactive_players(match["players"].strip())], text)


def players_of(owner: Team, lists: Sequence[InactiveList]) -> Iterator[PlayerLine]:
    """Yield the players of all lists of the team."""
    for one in lists:
        if one.team == owner:
            yield from one.players


def _inactive_players(listed: str) -> Iterator[PlayerLine]:
    if listed in ("", _NOBODY):
        return
    # Reasons may contain commas and nested parentheses.
    parts = _at_outer_commas(listed) if _is_balanced(listed) else _NEXT_INACTIVE.split(listed)
    for part in parts:
        name, _, reason = part.strip().partition("(")
        if name.strip():
            # The last closing parenthesis is the list's; earlier ones belong to the reason.
            text = reason.strip().removesuffix(")").strip()
            yield PlayerLine(name.strip(" )"), "inactive", reason=text or None)


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _at_outer_commas(listed: str) -> Iterator[str]:
    """Split at the commas outside of parentheses; the parentheses have to match."""
    depth, start = 0, 0
    for place, character in enumerate(listed):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            yield listed[start:place]
            start = place + 1
    yield listed[start:]

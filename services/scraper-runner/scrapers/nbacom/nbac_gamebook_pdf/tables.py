"""The table of a team in a scorer's report: one line per player, then the totals.

Every line of a table is read: a line of no known form is set aside and counted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scrapers.nbacom.durations import seconds
from scrapers.teams import Team, team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.odd_items import read_each

Status = Literal["played", "dnp", "dnd", "nwt", "inactive"]

LABELS = "POS MIN FG FGA 3P 3PA FT FTA OR DR TOT A PF ST TO BS +/- PTS"
# In the order of the labels after MIN.
STATISTICS = (
    "field_goals_made",
    "field_goals_attempted",
    "three_pointers_made",
    "three_pointers_attempted",
    "free_throws_made",
    "free_throws_attempted",
    "rebounds_offensive",
    "rebounds_defensive",
    "rebounds_total",
    "assists",
    "fouls_personal",
    "steals",
    "turnovers",
    "blocks",
    "plus_minus",
    "points",
)

_TEAM = re.compile(r"(VISITOR|HOME) ?: (.+?)(?: \(\d+-\d+\))?")
# Digits are bounded, as int() refuses more than 4,300 of them; no player has a thousand of anything.
_NUMBERS = rf"(?P<numbers>(?: [+-]?[0-9]{{1,4}}){{{len(STATISTICS)}}})"
# The name is all text between the number and the position.
_PLAYED = re.compile(
    rf"(?P<jersey>\d{{1,2}}) (?P<name>.+?)(?: (?P<position>[FGC](?:-[FGC])?))? (?P<minutes>\d+:\d\d){_NUMBERS}"
)
# Some reports print the reason without blanks, "NWT-Return to Competition Reconditioning".
_NOT_PLAYED = re.compile(
    r"(?P<jersey>\d{1,2}) (?P<name>.+?) ?(?P<kind>DNP|DND|NWT)(?: ?[-\u2013] ?(?P<reason>.+))?"
)
_TOTALS = re.compile(rf"(?P<minutes>\d+:\d\d){_NUMBERS}")
_STATUSES: Mapping[str, Status] = {"DNP": "dnp", "DND": "dnd", "NWT": "nwt"}


@dataclass(frozen=True)
class PlayerLine:
    """One player."""

    name: str
    """As printed; for inactive players the family name only."""
    status: Status
    jersey: str | None = None
    """None for inactive players."""
    position: str | None = None
    """Starters only."""
    reason: str | None = None
    seconds: float = 0.0
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Keyed by the names in `STATISTICS`; empty for a player who did not play."""


@dataclass(frozen=True)
class TeamTable:
    """A team, its players as printed and its totals."""

    team: Team
    home: bool
    players: Sequence[PlayerLine]
    seconds: float
    totals: Mapping[str, int]
    set_aside: Sequence[str] = ()
    """One reason for each unknown line."""


def team_tables(lines: Sequence[str]) -> Iterator[TeamTable]:
    """Read the two tables: from a team's line through the labels to its totals."""
    # Find both headers first: a table ends where the next one begins.
    headers = [(place, match) for place, line in enumerate(lines) if (match := _TEAM.fullmatch(line))]
    ends = [place for place, _ in headers[1:]] + [len(lines)]
    for (place, header), end in zip(headers, ends, strict=True):
        yield _table(team(header[2]), header[1] == "HOME", lines[place + 1 : end])


def _table(owner: Team, home: bool, lines: Sequence[str]) -> TeamTable:
    # Exactly these columns: an additional one would shift every number after it.
    if lines[:1] != [LABELS]:
        raise SourceChanged(f"the columns are {lines[0] if lines else ''!r}, not {LABELS!r}")
    # The first line of totals; the shooting percentages follow it.
    found = next(
        ((place, match) for place, line in enumerate(lines) if (match := _TOTALS.fullmatch(line))), None
    )
    if found is None:
        raise SourceChanged(f"the table of {owner.name} has no totals")
    place, totals = found
    rows = read_each(_unwrapped(lines[1:place]), lambda line: _player(line, owner))
    return TeamTable(
        team=owner,
        home=home,
        players=rows.kept,
        seconds=seconds(totals["minutes"]),
        totals=_numbers(totals),
        set_aside=rows.set_aside,
    )


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Join reasons that wrap over lines of a table."""
    rows: list[str] = []
    for line in lines:
        above = _NOT_PLAYED.fullmatch(rows[-1]) if rows else None
        # A player's line begins with a number, so any other line after a reason continues it.
        if above is not None and above["reason"] and not line[:1].isdigit():
            rows[-1] += f" {line}"
        else:
            rows.append(line)
    return rows


def _player(line: str, owner: Team) -> PlayerLine:
    if played := _PLAYED.fullmatch(line):
        return PlayerLine(
            name=played["name"],
            status="played",
            jersey=played["jersey"],
            position=played["position"],
            seconds=seconds(played["minutes"]),
            numbers=_numbers(played),
        )
    if absent := _NOT_PLAYED.fullmatch(line):
        return PlayerLine(
            absent["name"], _STATUSES[absent["kind"]], absent["jersey"], reason=absent["reason"]
        )
    raise SourceChanged(f"unknown line in the table of {owner.name}: {line!r:.120}")


def _numbers(match: re.Match[str]) -> Mapping[str, int]:
    return dict(zip(STATISTICS, map(int, match["numbers"].split()), strict=True))

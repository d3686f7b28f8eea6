"""The lines of a scorer's report.

Source: the text of a report of March 2026 as a public project's tests hold it, and what three others read: the title,
the labels, the team lines, starters with their position, team minutes of "240:00", "DNP - ", "DND - " and "NWT - " with
the reason, "Inactive: Nickname - Name (reason), ...". No whole PDF was at hand: how far its words stand apart, and on
which heights, is the fake's guess.

A team's table is read without gaps: a line in it that is none of the known ones is set aside and counted.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from scrapers.game_laws import lacks_content
from scrapers.nbacom.durations import OVERTIME_MINUTES, REGULATION_MINUTES, seconds
from scrapers.nbacom.pdf_text import PageText, line_text, lines_of
from scrapers.odd_items import read_each, refuse_if_most_are_odd
from scrapers.teams import Team, team
from tipoff_scraper_runner.errors import SourceChanged

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

_TITLE = "FINAL BOX"
_TITLE_WITHIN = 8  # lines from the top
_DATE = re.compile(r"\w+day, (\w+ \d{1,2}, \d{4})\s*(.*)")
_OFFICIAL = re.compile(r"#?(\d+) ([^,(]+)")
_ATTENDANCE = re.compile(r"Attendance: ([\d,]+)")
_DURATION = re.compile(r"Game Duration: (\d+):(\d\d)")
_TEAM = re.compile(r"(VISITOR|HOME) ?: (.+?)(?: \(\d+-\d+\))?")
_NUMBERS = rf"(?P<numbers>(?: [+-]?\d+){{{len(STATISTICS)}}})"
_PLAYED = re.compile(
    rf"(?P<jersey>\d{{1,2}}) (?P<name>.+?)(?: (?P<position>[FGC](?:-[FGC])?))? (?P<minutes>\d+:\d\d){_NUMBERS}"
)
# Some reports print the reason without blanks, "NWT-Return to Competition Reconditioning".
_NOT_PLAYED = re.compile(
    r"(?P<jersey>\d{1,2}) (?P<name>.+?) ?(?P<kind>DNP|DND|NWT)(?: ?[-\u2013] ?(?P<reason>.+))?"
)
_TOTALS = re.compile(rf"(?P<minutes>\d+:\d\d){_NUMBERS}")
_INACTIVE = re.compile(r"Inactive: ?(?P<team>[^-]+?) ?- ?(?P<players>.*)")
# The comma before a player with a reason, which tells players apart where parentheses do not.
_NEXT_INACTIVE = re.compile(r", ?(?=[^(),]+ ?\()")
_AFTER_INACTIVE = ("Points in the Paint", "SCORE BY", "Technical", "MEMO", "Copyright", "Inactive:")
_NOBODY = "None"
_STATUSES: Mapping[str, Status] = {"DNP": "dnp", "DND": "dnd", "NWT": "nwt"}


@dataclass(frozen=True)
class PlayerLine:
    """One player."""

    name: str
    """As printed, of inactive players the family name only."""
    status: Status
    jersey: str | None = None
    """None for inactive players."""
    position: str | None = None
    """Of starters."""
    reason: str | None = None
    seconds: float = 0.0
    numbers: Mapping[str, int] = field(default_factory=dict)
    """By the names in `STATISTICS`, empty for who did not play."""


@dataclass(frozen=True)
class TeamTable:
    """A team, its players as printed and its totals."""

    team: Team
    home: bool
    players: Sequence[PlayerLine]
    seconds: float
    totals: Mapping[str, int]
    set_aside: Sequence[str] = ()
    """One reason for each line that is not known."""


@dataclass(frozen=True)
class Report:
    """What the final box says of the game."""

    day: date
    """Of the game, as printed."""
    place: str
    """Arena and city."""
    officials: Sequence[str] | None
    """Number and name; None when the report does not print them."""
    attendance: int | None
    duration_minutes: int | None
    visitor: TeamTable
    home: TeamTable
    set_aside: Sequence[str] = ()
    """One reason for each line that is not known, of the tables and of the lists of inactive players."""
    unbalanced: Sequence[str] = ()
    """Lists of inactive players whose parentheses do not match; their players are read as far as that allows."""

    @property
    def contradictions(self) -> list[str]:
        """Everything that keeps the report from being complete; empty when it has content."""
        return [lack for table in (self.visitor, self.home) if (lack := _lack(table))]


def read_report(pages: Sequence[PageText]) -> Report:
    """Read the final box: the first page of the short report, while the whole book has a cover before it.

    Raises:
        SourceChanged: another layout, an unknown team in a table's head, or most lines are odd.
    """
    texts = [[line_text(line) for line in lines_of(page.words)] for page in pages]
    # The whole book has the box of each half as well, under other titles.
    lines = next((text for text in texts if any(_TITLE in line for line in text[:_TITLE_WITHIN])), None)
    if lines is None:
        raise SourceChanged(f"the report is not titled {_TITLE!r}; it begins {texts[0][:3] if texts else []}")
    day, place = _day(lines)
    tables = {table.home: table for table in _tables(lines)}
    if set(tables) != {False, True}:
        raise SourceChanged("the report does not have the tables of a visitor and a home team")
    playing = {table.team for table in tables.values()}
    # Counted together with the lines of the tables: two lists are too few for a share of their own.
    inactive = read_each(inactive_lists(lines), lambda text: _inactive_list(text, playing))
    set_aside = [*(reason for table in tables.values() for reason in table.set_aside), *inactive.set_aside]
    read = sum(len(table.players) for table in tables.values()) + len(inactive.kept)
    refuse_if_most_are_odd("lines", read, set_aside)
    visitor, home = (
        replace(table, players=[*table.players, *_players_of(table.team, inactive.kept)])
        for table in (tables[False], tables[True])
    )
    return Report(
        day=day,
        place=place,
        officials=_officials(lines),
        attendance=_attendance(lines),
        duration_minutes=_duration(lines),
        visitor=visitor,
        home=home,
        set_aside=set_aside,
        unbalanced=[one.text for one in inactive.kept if not _is_balanced(one.text)],
    )


def _lack(table: TeamTable) -> str:
    played = sum(player.seconds for player in table.players) / 60
    # The minutes of a line that is not known are not known to be missing.
    if table.set_aside and played:
        return ""
    # The team's own total where there is one, as it knows of overtimes; nobody plays less than four
    # periods.
    expected = max(table.seconds / 60, REGULATION_MINUTES)
    points = sum(player.numbers.get("points", 0) for player in table.players)
    return lacks_content(table.team.tricode, played, expected, points, table.totals["points"])


def broken_laws(table: TeamTable) -> list[str]:
    """Name what does not add up in a team's table.

    A team plays 240 minutes and 25 more for each overtime, its totals are the sums of its players' lines, and nobody
    does less than nothing or makes more shots than he takes."""
    name, minutes = table.team.tricode, table.seconds / 60
    broken = []
    if minutes < REGULATION_MINUTES or (minutes - REGULATION_MINUTES) % OVERTIME_MINUTES:
        broken.append(
            f"{name}: {minutes:g} minutes are not {REGULATION_MINUTES} and {OVERTIME_MINUTES} an overtime"
        )
    played = sum(player.seconds for player in table.players) / 60
    if round(played) != round(minutes):
        broken.append(f"{name}: the players have {played:.1f} minutes, the team {minutes:g}")
    for statistic in ("points", "rebounds_offensive", "assists", "field_goals_attempted"):
        total = sum(player.numbers.get(statistic, 0) for player in table.players)
        if total != table.totals[statistic]:
            broken.append(f"{name}: the players have {total} {statistic}, the team {table.totals[statistic]}")
    broken += [
        f"{name}: {player.name} has {value} {statistic}"
        for player in table.players
        for statistic, value in player.numbers.items()
        if value < 0 and statistic != "plus_minus"
    ]
    broken += [
        f"{name}: {player.name} makes more {shots} than he takes"
        for player in table.players
        for shots in ("field_goals", "three_pointers", "free_throws")
        if player.numbers.get(f"{shots}_made", 0) > player.numbers.get(f"{shots}_attempted", 0)
    ]
    return broken


def _day(lines: Sequence[str]) -> tuple[date, str]:
    for line in lines:
        match = _DATE.fullmatch(line)
        if match is not None:
            try:
                return datetime.strptime(match[1], "%B %d, %Y").date(), match[2]  # noqa: DTZ007  # a date
            except ValueError as error:
                raise SourceChanged(f"the date {match[1]!r} is not 'Month D, YYYY'") from error
    raise SourceChanged(f"the report bears no date; it begins {lines[:4]}")


def _officials(lines: Sequence[str]) -> Sequence[str] | None:
    line = next((line for line in lines if line.startswith("Officials:")), None)
    if line is None:
        return None
    return [f"#{number} {name.strip()}" for number, name in _OFFICIAL.findall(line.partition(":")[2])]


def _attendance(lines: Sequence[str]) -> int | None:
    match = next((match for line in lines if (match := _ATTENDANCE.search(line))), None)
    return int(match[1].replace(",", "")) if match else None


def _duration(lines: Sequence[str]) -> int | None:
    match = next((match for line in lines if (match := _DURATION.search(line))), None)
    return int(match[1]) * 60 + int(match[2]) if match else None


def _tables(lines: Sequence[str]) -> Iterator[TeamTable]:
    """Read the two tables: from a team's line through the labels to its totals."""
    headers = [(place, match) for place, line in enumerate(lines) if (match := _TEAM.fullmatch(line))]
    ends = [place for place, _ in headers[1:]] + [len(lines)]
    for (place, header), end in zip(headers, ends, strict=True):
        yield _table(team(header[2]), header[1] == "HOME", lines[place + 1 : end])


def _table(owner: Team, home: bool, lines: Sequence[str]) -> TeamTable:
    # Exactly these: a column more would shift every number behind it.
    if lines[:1] != [LABELS]:
        raise SourceChanged(f"the columns are {lines[0] if lines else ''!r}, not {LABELS!r}")
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
    """Put together each reason that wraps over lines of a table."""
    rows: list[str] = []
    for line in lines:
        above = _NOT_PLAYED.fullmatch(rows[-1]) if rows else None
        # A player's line begins with a number, so another line under a reason is the rest of it.
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
    raise SourceChanged(f"a line in the table of {owner.name} is not known: {line!r:.120}")


def _numbers(match: re.Match[str]) -> Mapping[str, int]:
    return dict(zip(STATISTICS, map(int, match["numbers"].split()), strict=True))


@dataclass(frozen=True)
class InactiveList:
    """The inactive players of one team."""

    team: Team
    players: Sequence[PlayerLine]
    text: str


def inactive_lists(lines: Sequence[str]) -> list[str]:
    """Find the lists of inactive players, and put together those that wrap over lines."""
    lists: list[str] = []
    open_list = False
    for line in lines:
        if line.startswith("Inactive:"):
            lists.append(line)
            open_list = True
        # The list has no end mark; what may follow it is known.
        elif open_list and not line.startswith(_AFTER_INACTIVE):
            lists[-1] += f" {line}"
        else:
            open_list = False
    return lists


def _inactive_list(text: str, playing: Collection[Team]) -> InactiveList:
    match = _INACTIVE.fullmatch(text)
    if match is None:
        raise SourceChanged(
            f"a list of inactive players is not 'Inactive: Team - Player (Reason), ...': {text!r:.120}"
        )
    owner = team(match["team"])
    if owner not in playing:
        raise SourceChanged(f"the report lists inactive players of {match['team']!r}, who does not play")
    return InactiveList(owner, [*_inactive_players(match["players"].strip())], text)


def _players_of(owner: Team, lists: Sequence[InactiveList]) -> Iterator[PlayerLine]:
    for one in lists:
        if one.team == owner:
            yield from one.players


def _inactive_players(listed: str) -> Iterator[PlayerLine]:
    if listed in ("", _NOBODY):
        return
    # Reasons have commas and nested parentheses of their own.
    parts = _at_outer_commas(listed) if _is_balanced(listed) else _NEXT_INACTIVE.split(listed)
    for part in parts:
        name, _, reason = part.strip().partition("(")
        if name.strip():
            told = reason.strip().removesuffix(")").strip()
            yield PlayerLine(name.strip(" )"), "inactive", reason=told or None)


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def _at_outer_commas(listed: str) -> Iterator[str]:
    """Split at the commas outside of parentheses, which balance."""
    depth, start = 0, 0
    for place, character in enumerate(listed):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            yield listed[start:place]
            start = place + 1
    yield listed[start:]

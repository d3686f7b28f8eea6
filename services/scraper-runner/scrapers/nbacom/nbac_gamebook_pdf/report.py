"""The lines of a scorer's report.

Source: the text of a report of March 2026 as a public project's tests hold it, and what three others read: the title,
the labels, the team lines, starters with their position, team minutes of "240:00", "DNP - ", "DND - " and "NWT - " with
the reason, "Inactive: Nickname - Name (reason), ...". No whole PDF was at hand: how far its words stand apart, and on
which heights, is the stand-in's guess.

A team's table is read without gaps: a line in it that is none of the known ones is a changed source, never skipped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from scrapers.nbacom.durations import OVERTIME_MINUTES, REGULATION_MINUTES, seconds
from scrapers.nbacom.pdf_text import PageText, line_text, lines_of
from scrapers.teams import Team, team
from tipoff_scraper_runner.errors import SourceChanged

Status = Literal["played", "dnp", "dnd", "nwt", "inactive"]

LABELS = "POS MIN FG FGA 3P 3PA FT FTA OR DR TOT A PF ST TO BS +/- PTS"
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
"""In the order of the labels after MIN."""

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
_NOT_PLAYED = re.compile(r"(?P<jersey>\d{1,2}) (?P<name>.+?) (?P<kind>DNP|DND|NWT)(?: - (?P<reason>.+))?")
_TOTALS = re.compile(rf"(?P<minutes>\d+:\d\d){_NUMBERS}")
_INACTIVE = re.compile(r"Inactive: ?(?P<team>[^-]+?) - (?P<players>.*)")
_INACTIVE_PLAYER = re.compile(r"(?P<name>[^(),]+?) ?(?:\((?P<reason>(?:[^()]|\([^()]*\))*)\))?(?:, ?|$)")
_AFTER_INACTIVE = ("Points in the Paint", "SCORE BY", "Technical", "MEMO", "Copyright", "Inactive:")
_NOBODY = "None"
_STATUSES: Mapping[str, Status] = {"DNP": "dnp", "DND": "dnd", "NWT": "nwt"}


@dataclass
class PlayerLine:
    """One player. Inactive ones are printed by family name only and without a number. position: of starters. numbers:
    by the names in `STATISTICS`, empty for who did not play."""

    name: str
    status: Status
    jersey: str | None = None
    position: str | None = None
    reason: str | None = None
    seconds: float = 0.0
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass
class TeamTable:
    """A team, its players as printed and its totals."""

    team: Team
    home: bool
    players: list[PlayerLine] = field(default_factory=list)
    seconds: float = 0.0
    totals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """day: of the game, as printed. place: arena and city. officials: number and name; these, attendance and
    duration_minutes are null when the report does not print them."""

    day: date
    place: str
    officials: Sequence[str] | None
    attendance: int | None
    duration_minutes: int | None
    visitor: TeamTable
    home: TeamTable


def read_report(pages: Sequence[PageText]) -> Report:
    """The final box: the first page of the short report, while the whole book has a cover before it.

    Raises:
        SourceChanged: another layout, or a line or team that is not known.
    """
    texts = [[line_text(line) for line in lines_of(page.words)] for page in pages]
    lines = next((text for text in texts if any(_TITLE in line for line in text[:_TITLE_WITHIN])), None)
    if lines is None:
        raise SourceChanged(f"the report is not titled {_TITLE!r}; it begins {texts[0][:3] if texts else []}")
    day, place = _day(lines)
    tables = {table.home: table for table in _tables(lines)}
    if set(tables) != {False, True}:
        raise SourceChanged("the report does not have the tables of a visitor and a home team")
    for name, player in _inactive(lines):
        owner = next((table for table in tables.values() if table.team == team(name)), None)
        if owner is None:
            raise SourceChanged(f"the report lists inactive players of {name!r}, who does not play")
        owner.players.append(player)
    return Report(
        day, place, _officials(lines), _attendance(lines), _duration(lines), tables[False], tables[True]
    )


def broken_laws(table: TeamTable) -> list[str]:
    """A team plays 240 minutes and 25 more for each overtime, its totals are the sums of its players' lines, and nobody
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
    """The two tables: from a team's line through the labels to its totals."""
    table: TeamTable | None = None
    labelled = False
    for line in lines:
        header = _TEAM.fullmatch(line)
        if header is not None:
            if table is not None:
                raise SourceChanged(f"the table of {table.team.name} has no totals")
            table, labelled = TeamTable(team(header[2]), header[1] == "HOME"), False
        elif table is not None and not labelled:
            if line != LABELS:
                raise SourceChanged(f"the columns are {line!r}, not {LABELS!r}")
            labelled = True
        elif table is not None and _read_row(line, table):
            yield table
            table = None
    if table is not None:
        raise SourceChanged(f"the table of {table.team.name} has no totals")


def _read_row(line: str, table: TeamTable) -> bool:
    """Puts the row into `table`; tells whether it was the last, the totals."""
    if totals := _TOTALS.fullmatch(line):
        table.seconds, table.totals = seconds(totals["minutes"]), _numbers(totals)
        return True
    if played := _PLAYED.fullmatch(line):
        table.players.append(
            PlayerLine(
                name=played["name"],
                status="played",
                jersey=played["jersey"],
                position=played["position"],
                seconds=seconds(played["minutes"]),
                numbers=_numbers(played),
            )
        )
    elif absent := _NOT_PLAYED.fullmatch(line):
        table.players.append(
            PlayerLine(absent["name"], _STATUSES[absent["kind"]], absent["jersey"], reason=absent["reason"])
        )
    elif table.players and table.players[-1].reason and not line[0].isdigit():
        table.players[-1].reason += f" {line}"
    else:
        raise SourceChanged(f"a line in the table of {table.team.name} is not known: {line!r}")
    return False


def _numbers(match: re.Match[str]) -> Mapping[str, int]:
    return dict(zip(STATISTICS, map(int, match["numbers"].split()), strict=True))


def _inactive(lines: Sequence[str]) -> Iterator[tuple[str, PlayerLine]]:
    """Each inactive player under the name of his team, from lists that wrap over lines."""
    lists: list[str] = []
    open_list = False
    for line in lines:
        if line.startswith("Inactive:"):
            lists.append(line)
            open_list = True
        elif open_list and not line.startswith(_AFTER_INACTIVE):
            lists[-1] += f" {line}"
        else:
            open_list = False
    for text in lists:
        match = _INACTIVE.fullmatch(text)
        if match is None:
            raise SourceChanged(
                f"a list of inactive players is not 'Inactive: Team - Player (Reason), ...': {text!r}"
            )
        for player in _players(match["players"].strip()):
            yield match["team"], player


def _players(listed: str) -> Iterator[PlayerLine]:
    if listed in ("", _NOBODY):
        return
    position = 0
    while position < len(listed):
        match = _INACTIVE_PLAYER.match(listed, position)
        if match is None:
            raise SourceChanged(f"a list of inactive players is not understood from {listed[position:]!r} on")
        yield PlayerLine(match["name"].strip(), "inactive", reason=(match["reason"] or "").strip() or None)
        position = match.end()

"""The final box of a scorer's report.

Source: the text of a report of March 2026 in a public project's tests, and the parsers of three others: the title, the
labels, the team lines, starters with their position, team minutes of "240:00", "DNP - ", "DND - " and "NWT - " with the
reason, "Inactive: Nickname - Name (reason), ...". No whole PDF was available: the positions of words in the fake's
reports are a guess.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from scrapers.game_laws import lacks_content
from scrapers.nbacom.durations import OVERTIME_MINUTES, REGULATION_MINUTES
from scrapers.nbacom.nbac_gamebook_pdf.inactive_players import inactive_lists, players_of, read_inactive_list
from scrapers.nbacom.nbac_gamebook_pdf.tables import TeamTable, team_tables
from scrapers.nbacom.pdf_text import PageText, line_text, lines_of
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.odd_items import read_each, refuse_if_most_are_odd

_TITLE = "FINAL BOX"
# The cover of the whole book has the title too, further down.
_TITLE_WITHIN = 8  # lines from the top
_DATE = re.compile(r"\w+day, (\w+ \d{1,2}, \d{4})\s*(.*)")
_OFFICIAL = re.compile(r"#?(\d+) ([^,(]+)")
# Digits are bounded: int() refuses more than 4,300 of them.
_ATTENDANCE = re.compile(r"Attendance: ([0-9][0-9,]{0,15})(?![0-9,])")
_DURATION = re.compile(r"Game Duration: ([0-9]{1,3}):([0-9]{2})")


@dataclass(frozen=True)
class Report:
    """The content of a game's final box."""

    day: date
    """The game's date, as printed."""
    place: str
    """Arena and city."""
    officials: Sequence[str] | None
    """Number and name of each; None when the report does not print them."""
    attendance: int | None
    duration_minutes: int | None
    visitor: TeamTable
    home: TeamTable
    set_aside: Sequence[str] = ()
    """One reason for each unknown line in the tables and the lists of inactive players."""
    unbalanced: Sequence[str] = ()
    """Lists of inactive players whose parentheses do not match; their players are read as far as possible."""

    @property
    def contradictions(self) -> list[str]:
        """The gaps of the report; empty when it is complete."""
        return [lack for table in (self.visitor, self.home) if (lack := _lack(table))]


def read_report(pages: Sequence[PageText]) -> Report:
    """Read the final box: the first page of the short report, or a later page of the whole book.

    Raises:
        SourceChanged: another layout, an unknown team in a table's head, or most lines are odd.
    """
    texts = [[line_text(line) for line in lines_of(page.words)] for page in pages]
    # The whole book also has the box of each half, under other titles.
    lines = next((text for text in texts if any(_TITLE in line for line in text[:_TITLE_WITHIN])), None)
    if lines is None:
        raise SourceChanged(f"the report is not titled {_TITLE!r}; it begins {texts[0][:3] if texts else []}")
    day, place = _day(lines)
    tables = {table.home: table for table in team_tables(lines)}
    if set(tables) != {False, True}:
        raise SourceChanged("the report does not have the tables of a visitor and a home team")
    playing = {table.team for table in tables.values()}
    # Odd lists are counted together with the tables' lines: two lists are too few for a share of their own.
    inactive = read_each(inactive_lists(lines), lambda text: read_inactive_list(text, playing))
    set_aside = [*(reason for table in tables.values() for reason in table.set_aside), *inactive.set_aside]
    read = sum(len(table.players) for table in tables.values()) + len(inactive.kept)
    refuse_if_most_are_odd("lines", read, set_aside)
    visitor, home = (
        replace(table, players=[*table.players, *players_of(table.team, inactive.kept)])
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
        unbalanced=[one.text for one in inactive.kept if not one.balanced],
    )


def _lack(table: TeamTable) -> str:
    played = sum(player.seconds for player in table.players) / 60
    # An unknown line may hold the missing minutes, so report no gap.
    if table.set_aside and played:
        return ""
    # The team's own total includes overtimes. It may be zero, and no game has less than four periods: hence the max().
    expected = max(table.seconds / 60, REGULATION_MINUTES)
    points = sum(player.numbers.get("points", 0) for player in table.players)
    return lacks_content(table.team.tricode, played, expected, points, table.totals["points"])


def broken_laws(table: TeamTable) -> list[str]:
    """List the contradictions in a team's table.

    A team plays 240 minutes and 25 more for each overtime. Its totals are the sums of its players' lines. No count is
    negative, and no player makes more shots than he takes.
    """
    name, minutes = table.team.tricode, table.seconds / 60
    broken = []
    if minutes < REGULATION_MINUTES or (minutes - REGULATION_MINUTES) % OVERTIME_MINUTES:
        broken.append(
            f"{name}: {minutes:g} minutes; expected {REGULATION_MINUTES} plus {OVERTIME_MINUTES} for each overtime"
        )
    played = sum(player.seconds for player in table.players) / 60
    if round(played) != round(minutes):
        broken.append(f"{name}: the players have {played:.1f} minutes, the team {minutes:g}")
    # Only statistics that players alone can have; rebounds and turnovers may be the team's.
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
    raise SourceChanged(f"the report has no date; it begins {lines[:4]}")


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

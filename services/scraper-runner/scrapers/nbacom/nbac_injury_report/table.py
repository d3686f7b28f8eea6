"""Conversion of words and rules to the cells of each row.

A wrapped reason is centred on its row, so its lines are above and below the player's. Only the rules between the rows,
not the lines of text, show which lines belong together.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scrapers.nbacom.pdf_text import Line, PageText, RuledLine, line_text, lines_of
from tipoff_common.clock import EASTERN
from tipoff_scraper_runner.errors import SourceChanged, Undecodable

# Unchanged since 2021; another label means another layout.
COLUMNS = ("Game Date", "Game Time", "Matchup", "Team", "Player Name", "Current Status", "Reason")

_TITLE = re.compile(r"Injury Report: (\d{2}/\d{2}/\d{2} \d{2}:\d{2} [AP]M)")
# Digits are bounded: int() refuses more than 4,300 of them.
_FOOTER = re.compile(r"Page ([0-9]{1,9}) of ([0-9]{1,9})")
_SAME_RULE = 1.5  # points between the strokes of one rule
_LABEL_GAP = 8.0  # points between two column labels; inside one there are 3 at most
_OUTDENT = 6.0  # points by which a cell's text may begin left of its label


@dataclass(frozen=True)
class Cells:
    """One row as printed: blank where a value carries over from above."""

    game_date: str = ""
    game_time: str = ""
    matchup: str = ""
    team: str = ""
    player_name: str = ""
    status: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Table:
    """The table of one report."""

    published: datetime
    """The instant in the title, aware UTC."""
    pages: Sequence[Sequence[Cells]]
    """The rows of each page, in order."""


def read_table(pages: Sequence[PageText]) -> Table:
    """Read the cells of every row. Raises SourceChanged (another layout) or Undecodable (missing pages)."""
    titles: list[str] = []
    columns: list[float] = []
    rows: list[list[Cells]] = []
    for number, page in enumerate(pages, start=1):
        lines = lines_of(page.words)
        titles.append(_title(lines, number))
        body = lines[1:]
        # Reports from 2023 on print the labels on the first page only.
        if number == 1:
            columns = _columns(body)
        if body and _labels(body[0]) == COLUMNS:
            body = body[1:]
        body = _without_footer(body, number, len(pages))
        rows.append(list(_rows(body, page.rules, columns)))
    # A report that is replaced during the fetch could have pages of both editions.
    if len(set(titles)) > 1:
        raise SourceChanged(f"the pages have different titles: {sorted(set(titles))}")
    return Table(_published(titles[0]), rows)


def join_wrapped(lines: Sequence[str]) -> str:
    """Join wrapped lines to one text, without a space after a hyphen or slash inside a word."""
    text = ""
    for line in lines:
        # A break inside a word, as in "Laceration/Concussion".
        glued = not text or re.search(r"\w[-/]$", text)
        text = f"{text}{line}" if glued else f"{text} {line}"
    return text


def _title(lines: Sequence[Line], number: int) -> str:
    first = line_text(lines[0]) if lines else ""
    match = _TITLE.fullmatch(first)
    if match is None:
        raise SourceChanged(
            f"page {number} has no title 'Injury Report: MM/DD/YY HH:MM AM'; its first line is {first!r}"
        )
    return match[1]


def _published(printed: str) -> datetime:
    try:
        return datetime.strptime(printed, "%m/%d/%y %I:%M %p").replace(tzinfo=EASTERN).astimezone(UTC)
    except ValueError as error:
        raise SourceChanged(f"the title's time {printed!r} is not MM/DD/YY HH:MM AM") from error


def _labels(line: Line) -> tuple[str, ...]:
    return tuple(line_text(label) for label in _by_gap(line))


def _by_gap(line: Line) -> list[Line]:
    groups: list[Line] = []
    for word in line:
        if groups and word.x0 - groups[-1][-1].x1 < _LABEL_GAP:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _columns(body: Sequence[Line]) -> list[float]:
    """Return the position at which each column's label begins."""
    labels = _by_gap(body[0]) if body else []
    seen = [line_text(label) for label in labels]
    if seen != list(COLUMNS):
        raise SourceChanged(f"the columns are {seen}, not {list(COLUMNS)}")
    return [label[0].x0 for label in labels]


def _without_footer(body: list[Line], number: int, count: int) -> list[Line]:
    footer = _FOOTER.fullmatch(line_text(body[-1])) if body else None
    if footer is None:
        return body
    # A file without its last pages is a valid PDF, and teams would be missing silently.
    if (int(footer[1]), int(footer[2])) != (number, count):
        raise Undecodable(f"page {number} of {count} has the footer {footer[0]!r}: pages are missing")
    return body[:-1]


def _rows(body: Sequence[Line], rules: Sequence[RuledLine], columns: Sequence[float]) -> Iterator[Cells]:
    borders = _borders(rules, columns[-1])
    if body and not borders:
        raise SourceChanged(f"no ruled line separates the rows; the first row is {line_text(body[0])!r}")
    starts = [x - _OUTDENT for x in columns]
    bands: dict[int, list[list[str]]] = {}
    for line in body:
        for cell in _by_column(line, starts):
            top, bottom = line[0].top, line[0].bottom
            # By the middle of the line: its top may be outside of the band.
            band = bands.setdefault(bisect_right(borders, (top + bottom) / 2), [[] for _ in columns])
            band[cell[0]].append(cell[1])
    for _, band in sorted(bands.items()):
        # The bands' order is the rows' order.
        yield Cells(*(join_wrapped(texts) for texts in band))


def _by_column(line: Line, starts: Sequence[float]) -> Iterator[tuple[int, str]]:
    cells: dict[int, list[str]] = {}
    for word in line:
        cells.setdefault(max(bisect_right(starts, word.x0) - 1, 0), []).append(word.text)
    for column, texts in cells.items():
        yield column, " ".join(texts)


def _borders(rules: Sequence[RuledLine], reason_x: float) -> list[float]:
    """Return the heights at which rows end: the last column has a rule under every row."""
    # A rule is drawn as several strokes at nearly the same height.
    borders: list[float] = []
    for y in sorted(rule.y for rule in rules if rule.x0 <= reason_x <= rule.x1):
        if not borders or y - borders[-1] > _SAME_RULE:
            borders.append(y)
    return borders

"""Writes injury reports as the league's are: landscape pages, the title on each, column labels on the first only, a
rule under every row, values that carry over printed once, long reasons wrapped and centred, and cut by a page break
where it falls. The same rows make the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise

from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from tipoff_common.clock import EASTERN

NOT_YET_SUBMITTED = "NOT YET SUBMITTED"
LABELS = ("Game Date", "Game Time", "Matchup", "Team", "Player Name", "Current Status", "Reason")

_WIDTH, _HEIGHT = 841.95, 595.35
_EDGES = (19.1, 115.6, 196.0, 260.2, 421.0, 581.7, 662.1, 822.8)  # of the columns, in points from the left
_INDENT = 6.0
_BAR = (35.4, 75.4)  # the title's, from the top
_LABELS_AT = 111.0
_FIRST_ROW, _NEXT_PAGES_ROW, _LAST_ROW = 121.7, 75.4, 516.0
_FOOTER_AT = 545.0
_LINE, _PADDING = 14.0, 8.0
_FONT, _BOLD, _SIZE = "Helvetica", "Helvetica-Bold", 9.0
_BLUE = (0.114, 0.259, 0.541)
_GREY = (0.502, 0.502, 0.502)
_PALE = (0.965, 0.973, 0.973)
_PLAYER_COLUMN, _REASON_COLUMN = 4, 6


@dataclass(frozen=True)
class ReportRow:
    """A listed player, or without one a team that has not submitted. game_time: as printed, "07:30 (ET)"."""

    game_date: date
    game_time: str
    matchup: str
    team: str
    player_name: str = ""
    status: str = ""
    reason: str = ""


@dataclass(frozen=True)
class _Part:
    """A row, or what of it one page holds. rule_from: the column from which the rule under it runs to the right."""

    top: float
    height: float
    cells: Sequence[Sequence[str]]
    rule_from: int


@dataclass
class _Page:
    parts: list[_Part] = field(default_factory=list)


def write_report(title: datetime, rows: Sequence[ReportRow]) -> bytes:
    """Return the PDF of a report with that aware instant in its title."""
    pages = _laid_out(rows)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(_WIDTH, _HEIGHT), invariant=1, pageCompression=0)
    canvas.setTitle("Injury Report")
    for number, page in enumerate(pages, start=1):
        _draw_title(canvas, title)
        if number == 1:
            _draw_labels(canvas)
        for part in page.parts:
            _draw_part(canvas, part)
        _draw_centred(canvas, _WIDTH / 2, _FOOTER_AT, f"Page {number} of {len(pages)}", _FONT, _SIZE)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _laid_out(rows: Sequence[ReportRow]) -> list[_Page]:
    pages = [_Page()]
    top = _FIRST_ROW
    previous: ReportRow | None = None
    for position, row in enumerate(rows):
        following = rows[position + 1] if position + 1 < len(rows) else None
        cells = _cells(row, previous)
        while True:
            lines = cells[_REASON_COLUMN]
            room = int((_LAST_ROW - top - _PADDING) // _LINE)
            if room < 1:
                pages.append(_Page())
                top = _NEXT_PAGES_ROW
                continue
            here, rest = lines[:room], lines[room:]
            height = _LINE * max(len(here), 1) + _PADDING
            cut = [*cells[:_REASON_COLUMN], here]
            pages[-1].parts.append(_Part(top, height, cut, 0 if rest else _rule_from(row, following)))
            top += height
            if not rest:
                break
            cells = [[] for _ in LABELS[:-1]] + [rest]
            top = _LAST_ROW
        previous = row
    _close_pages(pages)
    return pages


def _close_pages(pages: Sequence[_Page]) -> None:
    """Draw the rule under a page's last row across the whole table."""
    for page in pages:
        if page.parts:
            last = page.parts[-1]
            page.parts[-1] = _Part(last.top, last.height, last.cells, 0)


def _cells(row: ReportRow, previous: ReportRow | None) -> list[list[str]]:
    """Return the lines of each cell; what carries over from the row above is left blank."""
    values = [f"{row.game_date:%m/%d/%Y}", row.game_time, row.matchup, row.team]
    renewed = _renewed_from(previous, row)
    carried = [[value] if column >= renewed else [] for column, value in enumerate(values)]
    reason = row.reason if row.player_name else NOT_YET_SUBMITTED
    width = _EDGES[-1] - _EDGES[-2] - 2 * _INDENT
    wrapped: list[str] = simpleSplit(reason, _FONT, _SIZE, width)
    return [*carried, [row.player_name], [row.status], wrapped]


def _renewed_from(previous: ReportRow | None, row: ReportRow) -> int:
    """Return the first column that is printed anew, the player's if the team stays."""
    if previous is None or previous.game_date != row.game_date:
        return 0
    above = (previous.game_time, previous.matchup, previous.team)
    here = (row.game_time, row.matchup, row.team)
    changed = [column for column, (old, new) in enumerate(zip(above, here, strict=True), 1) if old != new]
    return changed[0] if changed else _PLAYER_COLUMN


def _rule_from(row: ReportRow, following: ReportRow | None) -> int:
    return 0 if following is None else _renewed_from(row, following)


def _draw_title(canvas: Canvas, title: datetime) -> None:
    canvas.setFillColorRGB(*_BLUE)
    canvas.rect(0, _HEIGHT - _BAR[1], _WIDTH, _BAR[1] - _BAR[0], stroke=0, fill=1)
    canvas.setFillColorRGB(1, 1, 1)
    text = f"Injury Report: {title.astimezone(EASTERN):%m/%d/%y %I:%M %p}"
    _draw_centred(canvas, _WIDTH / 2, sum(_BAR) / 2, text, _BOLD, 22)
    canvas.setFillColorRGB(0, 0, 0)


def _draw_labels(canvas: Canvas) -> None:
    canvas.setFillColorRGB(*_PALE)
    canvas.rect(
        _EDGES[0],
        _HEIGHT - _FIRST_ROW,
        _EDGES[-1] - _EDGES[0],
        2 * (_FIRST_ROW - _LABELS_AT),
        stroke=0,
        fill=1,
    )
    canvas.setFillColorRGB(0, 0, 0)
    canvas.setFont(_BOLD, _SIZE)
    for left, label in zip(_EDGES, LABELS, strict=False):
        canvas.drawString(left + _INDENT - 1, _baseline(_LABELS_AT, _SIZE), label)


def _draw_part(canvas: Canvas, part: _Part) -> None:
    canvas.setFont(_FONT, _SIZE)
    centre = part.top + part.height / 2
    for left, lines in zip(_EDGES, part.cells, strict=False):
        for middle, line in _centred_lines(centre, lines):
            canvas.drawString(left + _INDENT, _baseline(middle, _SIZE), line)
    canvas.setStrokeColorRGB(*_GREY)
    canvas.setLineWidth(0.75)
    bottom = _HEIGHT - part.top - part.height
    for left, right in list(pairwise(_EDGES))[part.rule_from :]:
        canvas.line(left, bottom, right, bottom)


def _centred_lines(centre: float, lines: Sequence[str]) -> Iterator[tuple[float, str]]:
    first = centre - _LINE * (len(lines) - 1) / 2
    for number, line in enumerate(lines):
        yield first + number * _LINE, line


def _draw_centred(canvas: Canvas, x: float, middle: float, text: str, font: str, size: float) -> None:
    canvas.setFont(font, size)
    canvas.drawCentredString(x, _baseline(middle, size), text)


def _baseline(middle: float, size: float) -> float:
    """Return the baseline of text whose capitals are centred at `middle` points from the top."""
    return _HEIGHT - middle - 0.36 * size

"""Injury reports as PDF, in the league's layout.

Pages are landscape with the title on each, and column labels on the first only. A rule is under every row. Repeated
values are printed once; long reasons are wrapped and centred, and cut at a page break. The same rows give the same
bytes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import Color
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Table

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
_PLAYER_COLUMN = 4


@dataclass(frozen=True)
class ReportRow:
    """A listed player, or, without a player's name, a team that has not submitted."""

    game_date: date
    game_time: str
    """As printed, "07:30 (ET)"."""
    matchup: str
    team: str
    player_name: str = ""
    status: str = ""
    reason: str = ""


Rows = list[tuple[list[str], int]]
"""The rows of a page: the text of each cell, and the column from which the rule under it runs to the right."""


def write_report(title: datetime, rows: Sequence[ReportRow]) -> bytes:
    """Return the PDF of a report with that aware instant in its title."""
    pages = _pages(rows)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(_WIDTH, _HEIGHT), invariant=1, pageCompression=0)
    canvas.setTitle("Injury Report")
    for number, page in enumerate(pages, start=1):
        _draw_title(canvas, title)
        if number == 1:
            _draw_labels(canvas)
        if page:
            _draw_table(canvas, _FIRST_ROW if number == 1 else _NEXT_PAGES_ROW, page)
        _draw_centred(canvas, _WIDTH / 2, _FOOTER_AT, f"Page {number} of {len(pages)}", _FONT, _SIZE)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _pages(rows: Sequence[ReportRow]) -> list[Rows]:
    """Lay the rows out; a reason is cut at the end of a page and continues on the next page."""
    pages: list[Rows] = [[]]
    top = _FIRST_ROW
    for previous, row, following in zip([None, *rows], rows, [*rows[1:], None], strict=False):
        cells, lines = _cells(row, previous)
        while True:
            room = int((_LAST_ROW - top - _PADDING) // _LINE)
            if room < 1:
                pages.append([])
                top = _NEXT_PAGES_ROW
                continue
            here, lines = lines[:room], lines[room:]
            rule_from = _renewed_from(row, following) if following and not lines else 0
            pages[-1].append(([*cells, "\n".join(here)], rule_from))
            top += _LINE * max(len(here), 1) + _PADDING
            if not lines:
                break
            cells = [""] * len(cells)
            top = _LAST_ROW
    return pages


def _cells(row: ReportRow, previous: ReportRow | None) -> tuple[list[str], list[str]]:
    """Return the text of each cell but the last, and the lines of the last; values repeated from above are blank."""
    values = [f"{row.game_date:%m/%d/%Y}", row.game_time, row.matchup, row.team]
    renewed = _renewed_from(previous, row)
    carried = [value if column >= renewed else "" for column, value in enumerate(values)]
    reason = row.reason if row.player_name else NOT_YET_SUBMITTED
    width = _EDGES[-1] - _EDGES[-2] - 2 * _INDENT
    wrapped: list[str] = simpleSplit(reason, _FONT, _SIZE, width)
    return [*carried, row.player_name, row.status], wrapped


def _renewed_from(previous: ReportRow | None, row: ReportRow) -> int:
    """Return the first column to print again: the player's column if the team is the same as above."""
    if previous is None or previous.game_date != row.game_date:
        return 0
    above = (previous.game_time, previous.matchup, previous.team)
    here = (row.game_time, row.matchup, row.team)
    changed = [column for column, (old, new) in enumerate(zip(above, here, strict=True), 1) if old != new]
    return changed[0] if changed else _PLAYER_COLUMN


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


def _draw_table(canvas: Canvas, top: float, rows: Rows) -> None:
    everything = ((0, 0), (-1, -1))
    style: list[tuple[Any, ...]] = [
        ("FONT", *everything, _FONT, _SIZE, _LINE),
        ("VALIGN", *everything, "MIDDLE"),
        *((f"{side}PADDING", *everything, _INDENT) for side in ("LEFT", "RIGHT")),
        *((f"{side}PADDING", *everything, _PADDING / 2) for side in ("TOP", "BOTTOM")),
    ]
    for number, (_, rule_from) in enumerate(rows):
        # Under a page's last row the rule runs across the whole table.
        begin = 0 if number == len(rows) - 1 else rule_from
        style.append(("LINEBELOW", (begin, number), (-1, number), 0.75, Color(*_GREY)))
    widths = [right - left for left, right in pairwise(_EDGES)]
    table = Table([cells for cells, _ in rows], widths, style=style)
    _, height = table.wrap(_WIDTH, _HEIGHT)
    table.drawOn(canvas, _EDGES[0], _HEIGHT - top - height)


def _draw_centred(canvas: Canvas, x: float, middle: float, text: str, font: str, size: float) -> None:
    canvas.setFont(font, size)
    canvas.drawCentredString(x, _baseline(middle, size), text)


def _baseline(middle: float, size: float) -> float:
    """Return the baseline for text with its capitals centred at `middle` points from the top."""
    return _HEIGHT - middle - 0.36 * size

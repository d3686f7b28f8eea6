"""Conversion of printed cells to complete rows: rows cut by page breaks are joined, carried-over columns filled in."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime

from scrapers.nbacom.nbac_injury_report.table import Cells, join_wrapped
from scrapers.teams import team
from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.odd_items import Items, read_items

# Text of the last column; player and status are blank.
NOT_YET_SUBMITTED = "NOT YET SUBMITTED"
# As the league defines them, from the least to the most certain absence.
STATUSES = ("Available", "Probable", "Questionable", "Doubtful", "Out")

_CARRIED_OVER = ("game_date", "game_time", "matchup", "team")


@dataclass(frozen=True)
class TableRow:
    """One listed player, or, with `player_name` blank, a team that has not submitted its report yet."""

    game_date: date
    game_time: str
    matchup: str
    """"AWAY@HOME", by tricodes."""
    team: str
    """Tricode."""
    player_name: str
    status: str
    reason: str

    @property
    def submitted(self) -> bool:
        """Whether the team has submitted: true for every row with a player."""
        return bool(self.player_name)


def read_rows(pages: Sequence[Sequence[Cells]]) -> Items[Cells, TableRow]:
    """Read the rows of all pages in order. Raises SourceChanged when most rows are odd."""
    above: dict[str, str] = {}
    return read_items("rows", _rejoined(pages), lambda cells: _row(cells, above))


def _rejoined(pages: Sequence[Sequence[Cells]]) -> Iterator[Cells]:
    """Join the rows that a page break cuts.

    A cut row ends with a rule like any other. It is recognised by a part without a player: the rest of a reason at the
    top of a page, or its beginning at the bottom.
    """
    open_row: Cells | None = None
    for page in pages:
        for position, cells in enumerate(page):
            # Only at the top of a page: within a page the rules separate the rows.
            if open_row is not None and position == 0 and (_is_part(open_row) or _is_rest(cells)):
                open_row = _joined(open_row, cells)
                continue
            if open_row is not None:
                yield open_row
            open_row = cells
    if open_row is not None:
        yield open_row


def _is_part(cells: Cells) -> bool:
    return not cells.player_name and cells.reason != NOT_YET_SUBMITTED


def _is_rest(cells: Cells) -> bool:
    return _is_part(cells) and cells == Cells(reason=cells.reason)


def _joined(upper: Cells, lower: Cells) -> Cells:
    pairs = zip(astuple(upper), astuple(lower), strict=True)
    return Cells(*(join_wrapped([text for text in pair if text]) for pair in pairs))


def _row(cells: Cells, above: dict[str, str]) -> TableRow:
    # Carry over first, as later rows need these values even if this row is odd.
    _carry_over(cells, above)
    if missing := [column for column in _CARRIED_OVER if column not in above]:
        raise SourceChanged(f"a row lacks {missing[0]} under a new game or team: {cells}")
    if cells.player_name:
        if cells.status not in STATUSES:
            raise SourceChanged(f"{cells.player_name!r} has the unknown status {cells.status!r}")
    elif cells.status or cells.reason != NOT_YET_SUBMITTED:
        raise SourceChanged(
            f"a row without a player needs the reason {NOT_YET_SUBMITTED!r} and no status: {cells}"
        )
    matchup, listed = _matchup(above["matchup"]), team(above["team"]).tricode
    # A row with the team of another game is worse than a missing row.
    if listed not in matchup:
        raise SourceChanged(
            f"a row lists {above['team']} in {above['matchup']}, a game of other teams: {cells}"
        )
    return TableRow(
        game_date=_date(above["game_date"]),
        game_time=above["game_time"],
        matchup="@".join(matchup),
        team=listed,
        player_name=cells.player_name,
        status=cells.status,
        reason=cells.reason if cells.player_name else "",
    )


def _carry_over(cells: Cells, above: dict[str, str]) -> None:
    """Update `above`: a column keeps its value until it is printed again.

    A new value resets all columns to its right. A column that is blank there is removed, so that no later row inherits
    the team of another game.
    """
    # The report's first row has to print every column.
    renewed = not above
    for column in _CARRIED_OVER:
        value: str = getattr(cells, column)
        if value:
            above[column] = value
            renewed = True
        elif renewed:
            above.pop(column, None)


def _matchup(printed: str) -> tuple[str, str]:
    """Split "AWAY@HOME" into the tricodes of the away and the home team."""
    away, at, home = printed.partition("@")
    if not at:
        raise SourceChanged(f"the matchup {printed!r} is not AWAY@HOME")
    return team(away).tricode, team(home).tricode


def _date(printed: str) -> date:
    try:
        return datetime.strptime(printed, "%m/%d/%Y").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError as error:
        raise SourceChanged(f"the game date {printed!r} is not MM/DD/YYYY") from error

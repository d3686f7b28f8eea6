"""From cells as printed to rows that stand alone: page breaks mended, carried-over columns filled in."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime

from scrapers.nbacom.nbac_injury_report.table import Cells, join_wrapped
from tipoff_scraper_runner.errors import SourceChanged

NOT_YET_SUBMITTED = "NOT YET SUBMITTED"
STATUSES = ("Available", "Probable", "Questionable", "Doubtful", "Out")

_CARRIED_OVER = ("game_date", "game_time", "matchup", "team")


@dataclass(frozen=True)
class Row:
    """One listed player, or, with `player_name` blank, a team that has not submitted its report yet."""

    game_date: date
    game_time: str
    matchup: str
    team: str
    player_name: str
    status: str
    reason: str

    @property
    def submitted(self) -> bool:
        return bool(self.player_name)


def read_rows(pages: Sequence[Sequence[Cells]]) -> list[Row]:
    """Raises SourceChanged when a row does not read as a report's row does."""
    above: dict[str, str] = {}
    return [_row(cells, above) for cells in _mended(pages)]


def _mended(pages: Sequence[Sequence[Cells]]) -> Iterator[Cells]:
    """The rows of all pages, those that a page break cuts put together again.

    A cut row closes with a rule like any other. What gives it away is a part without a player: the rest of a reason
    at the head of a page, or its beginning at the foot.
    """
    open_row: Cells | None = None
    for page in pages:
        for position, cells in enumerate(page):
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


def _row(cells: Cells, above: dict[str, str]) -> Row:
    _carry_over(cells, above)
    if cells.player_name:
        if cells.status not in STATUSES:
            raise SourceChanged(f"{cells.player_name!r} has the unknown status {cells.status!r}")
    elif cells.status or cells.reason != NOT_YET_SUBMITTED:
        raise SourceChanged(f"a row names neither a player nor a team yet to submit: {cells}")
    return Row(
        game_date=_date(above["game_date"]),
        game_time=above["game_time"],
        matchup=above["matchup"],
        team=above["team"],
        player_name=cells.player_name,
        status=cells.status,
        reason=cells.reason if cells.player_name else "",
    )


def _carry_over(cells: Cells, above: dict[str, str]) -> None:
    """Each column keeps its value until it is printed again; under a new value all columns to its right are new."""
    renewed = not above
    for column in _CARRIED_OVER:
        value: str = getattr(cells, column)
        if value:
            above[column] = value
            renewed = True
        elif renewed:
            raise SourceChanged(f"a row leaves {column} open under a new game or team: {cells}")


def _date(printed: str) -> date:
    try:
        return datetime.strptime(printed, "%m/%d/%Y").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError as error:
        raise SourceChanged(f"the game date {printed!r} is not MM/DD/YYYY") from error

"""Tables of HTML pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable
from tipoff_scraper_runner.parsing.payloads import UNREADABLE, block_mark, first_bytes

_ROW = frozenset({"td", "th", "tr"})
_BREAKS = _ROW | frozenset({"br", "div", "li", "p"})
"""Elements that begin a line or a cell: their text does not continue the word before."""


@dataclass(frozen=True)
class HtmlTable:
    """One table. A cell is a text, with each run of blanks as one blank."""

    attributes: Mapping[str, str]
    """Attributes of the <table> element, such as data-date."""
    heads: Sequence[str]
    """The cells of the first row of <th> cells; empty without one."""
    rows: Sequence[Sequence[str]]
    """The rows with a <td>."""

    def attribute(self, name: str) -> str:
        """Return an attribute of the table. Raises SourceChanged when the table lacks it."""
        if name not in self.attributes:
            raise SourceChanged(f"the table has no attribute {name}, only {sorted(self.attributes)}")
        return self.attributes[name]

    def require(self, *heads: str) -> None:
        """Raise SourceChanged unless the table has these heads in this order: a new column would shift all later
        ones."""
        if list(self.heads) != list(heads):
            raise SourceChanged(f"the table has the columns {list(self.heads)}, and not {list(heads)}")


def read_table(payload: bytes, **attributes: str) -> HtmlTable:
    """Read the page's first table that has these attributes; `class_` is the attribute class, one of its words.

    Raises:
        Blocked: there is no such table, and the page is a block page.
        Undecodable: the page is no UTF-8, has invalid markup before the table's end, or ends within the table: a
            truncated table would look like one without rows.
        SourceChanged: there is no such table.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        _refuse_block_page(payload)
        raise Undecodable(f"the page is not UTF-8: {error.reason} at byte {error.start}") from error
    required = {name.rstrip("_"): value for name, value in attributes.items()}
    reader = _Reader(required)
    try:
        reader.feed(text)
        reader.close()
    except UNREADABLE as error:
        # Ignore invalid markup after the table.
        if not reader.ended:
            if not reader.begun:
                _refuse_block_page(payload)
            line = reader.getpos()[0]
            raise Undecodable(
                f"the page has markup at or after line {line} that cannot be read: {error!s:.200}"
            ) from error
    marks = " ".join(f"{name}={value}" for name, value in required.items())
    if not reader.begun:
        _refuse_block_page(payload)
        raise SourceChanged(f"the page has no table {marks}; it begins {first_bytes(payload)}")
    if not reader.ended:
        raise Undecodable(f"the page ends within the table {marks}: cut short")
    heads = next((cells for kind, cells in reader.rows if kind == "th"), ())
    rows = tuple(tuple(cells) for kind, cells in reader.rows if kind == "td")
    return HtmlTable(reader.attributes, tuple(heads), rows)


def _refuse_block_page(payload: bytes) -> None:
    """Raise Blocked for a block page, which is no fault of the parser."""
    if mark := block_mark(payload):
        raise Blocked(
            f"a block page instead of the table: it contains '{mark}' and begins {first_bytes(payload)}"
        )


class _Reader(HTMLParser):
    """Collects the rows of the first matching table; the text of nested tables belongs to its cells."""

    def __init__(self, required: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.begun = self.ended = False
        self.attributes: dict[str, str] = {}
        self.rows: list[tuple[str, list[str]]] = []
        self._required, self._depth, self._in_cell = required, 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin the table, a row or a cell."""
        if tag == "table":
            found = {name: value or "" for name, value in attrs}
            if not self.begun and self._matches(found):
                self.begun, self._depth, self.attributes = True, 1, found
            elif self._is_open:
                self._depth += 1
        elif self._is_open and self._in_cell and tag in _BREAKS and (self._depth > 1 or tag not in _ROW):
            # Rows and cells of a nested table are breaks too; those of the table itself begin below.
            self.handle_data(" ")
        elif self._is_open and self._depth == 1:
            # HTML allows the end tags of cells and rows to be omitted: the next start tag ends them.
            if tag == "tr":
                self.rows.append(("", []))
                self._in_cell = False
            elif tag in ("td", "th"):
                if not self.rows:
                    self.rows.append(("", []))
                kind, cells = self.rows[-1]
                # Append to the same list: a copy for each cell would take quadratic time in a long row.
                cells.append("")
                self.rows[-1] = ("td" if "td" in (tag, kind) else "th", cells)
                self._in_cell = True

    def handle_data(self, data: str) -> None:
        """Add text to the open cell."""
        if self._is_open and self._in_cell:
            cells = self.rows[-1][1]
            cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        """End the table or a cell."""
        if not self._is_open:
            return
        if tag == "table":
            self._depth -= 1
            self.ended = self._depth == 0
            if self.ended:
                self.rows = [(kind, [" ".join(cell.split()) for cell in cells]) for kind, cells in self.rows]
        elif tag in ("td", "th", "tr") and self._depth == 1:
            self._in_cell = False

    @property
    def _is_open(self) -> bool:
        return self.begun and not self.ended

    def _matches(self, found: Mapping[str, str]) -> bool:
        return all(
            value in found.get(name, "").split() if name == "class" else found.get(name) == value
            for name, value in self._required.items()
        )

"""Drawing of a PDF's page within limits. A small file may draw without end: with nested forms of twenty forms each, or
one line a hundred thousand times. The reader has no limit against it.

Separate from `pdf_text`, as importing the reader takes longer than reading.
"""

import time
from typing import Any

from pdfminer.pdfinterp import PDFPageInterpreter
from pdfplumber.page import PDFPageAggregatorWithMarkedContent
from pdfplumber.utils.exceptions import PdfminerException

from tipoff_scraper_runner.errors import Undecodable

# Characters, paths and figures; the fullest known page has 1,800.
MAX_DRAWN_A_PAGE = 20_000


class Deadline:
    """The deadline for reading a document. seconds: from now on."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._at = seconds, time.monotonic() + seconds

    def check(self) -> None:
        """Raise Undecodable when the deadline has passed."""
        if time.monotonic() > self._at:
            raise Undecodable(f"the PDF draws too much to be read within {self._seconds:g} s")


class _Drawing(PDFPageAggregatorWithMarkedContent):
    """Draws one page as pdfplumber does, and counts the drawn items."""

    def __init__(self, page: Any, deadline: Deadline) -> None:
        super().__init__(page.pdf.rsrcmgr, pageno=page.page_number, laparams=page.pdf.laparams)
        self._page_number, self._deadline, self._drawn = page.page_number, deadline, 0

    def render_char(self, *args: Any, **named: Any) -> Any:
        self._count()
        return super().render_char(*args, **named)

    def paint_path(self, *args: Any, **named: Any) -> None:
        self._count()
        super().paint_path(*args, **named)

    def begin_figure(self, *args: Any, **named: Any) -> None:
        self._count()
        self._deadline.check()
        super().begin_figure(*args, **named)

    def _count(self) -> None:
        self._drawn += 1
        if self._drawn > MAX_DRAWN_A_PAGE:
            raise Undecodable(
                f"page {self._page_number} draws more than {MAX_DRAWN_A_PAGE} characters, lines and figures"
            )


def draw(page: Any, deadline: Deadline) -> None:
    """Draw pdfplumber's `page`, so that its characters and lines are available.

    Raises:
        Undecodable: the page draws more than any page of the league's documents, or too slowly.
        PdfminerException: the page is damaged.
    """
    # Checked here between pages; `begin_figure` checks it within a page.
    deadline.check()
    drawing = _Drawing(page, deadline)
    try:
        PDFPageInterpreter(page.pdf.rsrcmgr, drawing).process_page(page.page_obj)
    except Undecodable:
        raise
    except Exception as error:  # any error means a damaged page, as in pdfplumber
        raise PdfminerException(f"{type(error).__name__}: {error}") from error
    page._layout = drawing.get_result()

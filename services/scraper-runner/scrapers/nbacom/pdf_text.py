"""A PDF's words and horizontal rules, page by page, within limits."""

import io
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tipoff_scraper_runner.errors import Undecodable
from tipoff_scraper_runner.parsing.payloads import first_bytes

MAX_BYTES = 4_000_000  # the largest known document has 0.1 MB
MAX_PAGES = 60
MAX_INFLATED_BYTES = 4_000_000  # all streams together, decompressed; the largest known document has 0.2 MB
MAX_SECONDS = 20.0  # for all pages; the largest document takes 2

# Points between characters that separate two words. The documents' spaces are narrower than pdfplumber's
# default of 3, which reads "NOTYETSUBMITTED".
X_TOLERANCE = 1.5

_DEFLATED = re.compile(rb"(?<!end)stream[\r\n]+(\x78)")

# Errors of pdfminer on damaged files, beside its own: it does not validate its input.
_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)


@dataclass(frozen=True)
class Word:
    """A run of characters without a gap; points from the page's upper left corner."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float


@dataclass(frozen=True)
class RuledLine:
    """A horizontal line."""

    x0: float
    x1: float
    y: float


# Points between the tops of words on one line.
SAME_LINE = 2.0

Line = list[Word]


@dataclass(frozen=True)
class PageText:
    """The words of a page."""

    words: Sequence[Word]
    rules: Sequence[RuledLine]


def lines_of(words: Sequence[Word]) -> list[Line]:
    """Group words by line, top to bottom, left to right."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda word: (word.top, word.x0)):
        if lines and word.top - lines[-1][0].top <= SAME_LINE:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.x0) for line in lines]


def line_text(line: Line) -> str:
    """Join the line's words with blanks."""
    return " ".join(word.text for word in line)


def read_pages(body: bytes) -> list[PageText]:
    """Read the pages in order.

    Raises:
        Undecodable: not a PDF, truncated, damaged, or larger than any document of the league.
    """
    _check_envelope(body)
    import pdfplumber
    from pdfminer.psexceptions import PSException
    from pdfplumber.utils.exceptions import MalformedPDFException, PdfminerException

    from scrapers.nbacom.pdf_drawing import Deadline, draw

    deadline = Deadline(MAX_SECONDS)
    try:
        with pdfplumber.open(io.BytesIO(body)) as pdf:
            pages: list[PageText] = []
            for page in pdf.pages[: MAX_PAGES + 1]:
                draw(page, deadline)
                pages.append(_page(page))
                page.close()
    except (
        PSException,
        PdfminerException,
        MalformedPDFException,
        struct.error,
        zlib.error,
        *_DAMAGED,
    ) as error:
        raise Undecodable(f"{_cause_of(error)}; it begins {first_bytes(body)}") from error
    if not pages:
        raise Undecodable(f"the PDF has no pages; it begins {first_bytes(body)}")
    if len(pages) > MAX_PAGES:
        raise Undecodable(f"the PDF has more than {MAX_PAGES} pages; known documents have 1 to 10")
    return pages


def _cause_of(error: Exception) -> str:
    """Describe why the PDF cannot be read. pdfplumber wraps the reader's error, whose own text may be blank."""
    from pdfminer.pdfdocument import PDFPasswordIncorrect

    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    if isinstance(inner, PDFPasswordIncorrect):
        return "the PDF is protected by a password, and no password is known for this source"
    detail = f"{type(inner).__name__}: {inner}".removesuffix(": ")
    return f"the PDF is damaged ({detail})"


def _page(page: Any) -> PageText:
    words = [
        Word(word["text"], word["x0"], word["x1"], word["top"], word["bottom"])
        for word in page.extract_words(x_tolerance=X_TOLERANCE)
    ]
    rules = [
        RuledLine(line["x0"], line["x1"], line["top"])
        for line in page.lines
        # Horizontal lines only; the table's frame has vertical ones.
        if abs(line["top"] - line["bottom"]) < 1
    ]
    return PageText(words, rules)


def _check_envelope(body: bytes) -> None:
    if not body.startswith(b"%PDF"):
        raise Undecodable(f"not a PDF: it begins {first_bytes(body)}")
    if len(body) > MAX_BYTES:
        raise Undecodable(f"the PDF has {len(body)} bytes; the limit is {MAX_BYTES}")
    # Some writers add a blank line or a comment after it.
    if b"%%EOF" not in body[-1024:]:
        raise Undecodable(f"the PDF is cut short: no end marker; it begins {first_bytes(body)}")
    budget = MAX_INFLATED_BYTES
    for stream in _deflated_streams(body):
        budget -= _inflated_size(stream, budget)
        if budget <= 0:
            raise Undecodable(f"the PDF decompresses to more than {MAX_INFLATED_BYTES} bytes")


def _deflated_streams(body: bytes) -> Iterator[memoryview]:
    """Yield each zlib stream, from its start to the end of the file.

    Deflate is the source's only compression; `pdf_drawing` bounds the content of a page as well.
    """
    view = memoryview(body)
    for match in _DEFLATED.finditer(body):
        yield view[match.start(1) :]


def _inflated_size(stream: memoryview, limit: int) -> int:
    """Return the size of a stream after decompression; a number over `limit` as soon as that is certain.

    Raises:
        Undecodable: the stream is damaged. pdfminer reads the part before the damage, and rows would be missing
            silently.
    """
    decompressor = zlib.decompressobj()
    try:
        size = len(decompressor.decompress(stream, limit + 1))
    except zlib.error as error:
        raise Undecodable(f"the PDF is damaged in a compressed part ({error})") from error
    if size <= limit and not decompressor.eof:
        raise Undecodable("the PDF is damaged: a compressed part has no end")
    return size

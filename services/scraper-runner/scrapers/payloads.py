"""Checks for the answers of all hosts: telling a document from a block page."""

import contextlib
from html.parser import HTMLParser

SHOWN = 60
_BEGINNING = 300
"""Characters of what a person reads in which a block page says what it is: its title and heading."""
_PHRASES = (
    "access denied",
    "access to this page has been denied",
    "are you a human",
    "are you a robot",
    "attention required",
    "captcha",
    "checking your browser",
    "enable javascript and cookies to continue",
    "just a moment",
    "pardon our interruption",
    "request blocked",
    "request could not be satisfied",
    "request unsuccessful",
    "robot check",
    "unusual traffic",
    "verify you are a human",
    "verify you are human",
    "verifying you are human",
    "you have been blocked",
)
"""How the edges of hosts head a page for a client that they refuse or test."""
# Not Cloudflare's path of scripts: it stands in the pages that it lets through too.
_CODE = ("_cf_chl_opt", "_incapsula_resource", "captcha-delivery.com", "gokuprops", "px-captcha")
"""Marks in the code of challenges only: Cloudflare's, Imperva's, DataDome's, Amazon's and HUMAN's."""

UNREADABLE = (AssertionError, ValueError)
"""Errors of Python's HTMLParser at markup that it does not know: the first at `<![foo`, the second at the number of a
character with thousands of digits."""


def first_bytes(body: bytes) -> str:
    """Show the start of a payload, printable and on one line, for a message."""
    if not body:
        return "nothing (0 bytes)"
    return f"{body[:SHOWN]!r} ({len(body)} bytes)"


def is_html(body: bytes) -> bool:
    """Tell whether this is a page for people: the hosts' edge answers so, with status 200, to a client it refuses."""
    # A byte-order mark and blank lines come before some of the pages.
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def block_mark(body: bytes) -> str:
    """Return the words by which this page is one for a client that is refused or tested; empty where it has none.

    For a source of pages, where a block page cannot be told by its type: ask only when what should be on the page is
    missing, as a real page may have the words too.
    """
    text = body.decode(errors="replace")
    lowered = text.lower()
    if code := next((mark for mark in _CODE if mark in lowered), ""):
        return code
    reader = _VisibleText()
    # A block page may be broken as any other; the text before what cannot be read says enough.
    with contextlib.suppress(*UNREADABLE):
        reader.feed(text)
        reader.close()
    beginning = " ".join("".join(reader.texts).split())[:_BEGINNING].lower()
    return next((phrase for phrase in _PHRASES if phrase in beginning), "")


class _VisibleText(HTMLParser):
    """Collects what a person reads of a page, its title first."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._hidden = False

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element, whose text is apart from the text before it."""
        self._hidden = tag in ("script", "style")
        self.texts.append(" ")

    def handle_endtag(self, _tag: str) -> None:
        """End an element."""
        self._hidden = False
        self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        """Add text that is shown."""
        if not self._hidden:
            self.texts.append(data)

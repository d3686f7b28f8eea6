"""Checks for the responses of all hosts: whether a body is a document or a block page."""

import contextlib
from html.parser import HTMLParser

SHOWN = 60
_BEGINNING = 300
"""Characters of the visible text to search: a block page's title and heading are at its beginning."""
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
"""Headings of pages for a client that a host's edge refuses or tests."""
# Cloudflare's script path is not among them: pages that it lets through have it too.
_CODE = ("_cf_chl_opt", "_incapsula_resource", "captcha-delivery.com", "gokuprops", "px-captcha")
"""Marks that only the code of challenges has: Cloudflare's, Imperva's, DataDome's, Amazon's and HUMAN's."""
_SIGN_IN = ("log in", "login", "sign in", "sign-in", "signin")
"""Words in the title of a page that asks for an account."""

UNREADABLE = (AssertionError, ValueError)
"""Errors of Python's HTMLParser at invalid markup: the first at `<![foo`, the second at a character reference with
thousands of digits."""


def first_bytes(body: bytes) -> str:
    """Return the start of a payload for a message, printable and on one line."""
    if not body:
        return "nothing (0 bytes)"
    return f"{body[:SHOWN]!r} ({len(body)} bytes)"


def is_html(body: bytes) -> bool:
    """Return whether this is a page for people: a host's edge sends one, with status 200, to a client that it
    refuses."""
    # Some of the pages begin with a byte-order mark and blank lines.
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def block_mark(body: bytes) -> str:
    """Return the mark that identifies a page as a block page, challenge or sign-in page; empty without one.

    For a source of HTML pages, where the type does not identify a block page. Call it only when the expected content is
    missing, as a real page may have the same words.
    """
    text = body.decode(errors="replace")
    lowered = text.lower()
    if code := next((mark for mark in _CODE if mark in lowered), ""):
        return code
    reader = _VisibleText()
    # A block page may have invalid markup; the text before it suffices.
    with contextlib.suppress(*UNREADABLE):
        reader.feed(text)
        reader.close()
    # Both are needed: ordinary pages link "Log in" in a header, some with its form.
    if reader.asks_password and any(word in reader.title.lower() for word in _SIGN_IN):
        return " ".join(reader.title.split())[:SHOWN]
    beginning = " ".join("".join(reader.texts).split())[:_BEGINNING].lower()
    return next((phrase for phrase in _PHRASES if phrase in beginning), "")


class _VisibleText(HTMLParser):
    """Collects the visible text of a page, its title first."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.title = ""
        self.asks_password = False
        self._hidden = self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element; a blank separates its text from the text before."""
        self._hidden = tag in ("script", "style")
        self._in_title = tag == "title"
        self.asks_password |= tag == "input" and (dict(attrs).get("type") or "").lower() == "password"
        self.texts.append(" ")

    def handle_endtag(self, _tag: str) -> None:
        """End an element."""
        self._hidden = self._in_title = False
        self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        """Add visible text."""
        if not self._hidden:
            self.texts.append(data)
        if self._in_title:
            self.title += data

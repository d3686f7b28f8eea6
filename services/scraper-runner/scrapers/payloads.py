"""What the answers of all hosts have in common: telling a document from a block page."""

SHOWN = 60


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

"""Sanitizer of external text for every channel: no markup, no mentions, no links."""

import re
import unicodedata

LONGEST = 600
"""Maximum number of characters of one text in a message; the query has the full text."""
# The end of a cut text fits in LONGEST, too: a message cuts the summary of its incident, which was cut before.
_KEPT = LONGEST - 40
"""Number of characters that a cut keeps."""
_BREAK = "\u200b"
"""Zero-width space: invisible, and neither a mention nor a link continues across it."""
_MENTION = re.compile(r"([@#])(?=[\w!&])|<(?=[!@#])")
_LINK = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(?=//)|\b(www)\.(?=\w)|\b(mailto|javascript|data):")


def one_line(text: str) -> str:
    """Return the text on one line without control characters; cut when it is long.

    The result is stored and compared. Mentions and links stay intact, so that people can type a subject to find or
    silence it.
    """
    # Control characters and characters that change the direction of text: both can falsify a displayed line.
    visible = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    line = re.sub(r"\s+", " ", visible).strip()
    return line if len(line) <= LONGEST else f"{line[:_KEPT]}... ({len(line) - _KEPT:,} more characters)"


def break_links(text: str) -> str:
    """Return the text with its mentions and links broken, for a message.

    The channels escape HTML and Markdown, because channels.py declares the text as plain. Mentions and links work in
    plain text too, hence they are broken here.
    """
    harmless = _MENTION.sub(lambda found: f"{found[0]}{_BREAK}", text)
    return _LINK.sub(lambda found: f"{found[0]}{_BREAK}", harmless)


def plain(text: str) -> str:
    """Return the text on one line, cut when it is long, with its mentions and links broken."""
    # Break after the cut, so that no cut falls between a mention's sign and its break.
    return break_links(one_line(text))

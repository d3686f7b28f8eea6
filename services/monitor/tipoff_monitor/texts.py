"""Text from the outside, made harmless for every channel: it stays text, names nobody and links nowhere."""

import re
import unicodedata

LONGEST = 600
"""Characters of one text in a message: who needs more runs the query."""
_BREAK = "\u200b"
"""Zero width: it shows as nothing, and neither a mention nor a link goes across it."""
_MENTION = re.compile(r"([@#])(?=[\w!&])|<(?=[!@#])")
_LINK = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(?=//)|\b(www)\.(?=\w)|\b(mailto|javascript|data):")


def one_line(text: str) -> str:
    """Return the text on one line without control characters; cut when it is long.

    Kept and compared as this. Mentions and links stay whole, so that people find and silence a subject as they type it.
    """
    # Control characters and those that turn the direction of text: both can make a line say something else.
    visible = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    line = re.sub(r"\s+", " ", visible).strip()
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}... ({len(line) - LONGEST:,} more characters)"


def break_links(text: str) -> str:
    """Return the text with its mentions and links broken, for a message.

    HTML and Markdown are the channels' business: they get it declared as plain text (channels.py). A mention or a link
    works in plain text too, hence it is broken here.
    """
    harmless = _MENTION.sub(lambda found: f"{found[0]}{_BREAK}", text)
    return _LINK.sub(lambda found: f"{found[0]}{_BREAK}", harmless)


def plain(text: str) -> str:
    """Return the text on one line, cut when it is long, with its mentions and links broken."""
    # After the cut, so that no mention is cut in two and put together again by a channel.
    return break_links(one_line(text))

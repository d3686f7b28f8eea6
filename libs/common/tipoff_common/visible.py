"""Escaping of foreign text for terminals and browsers."""

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters and those that change the direction of text: a terminal interprets them."""


def visible(text: str) -> str:
    """Escape, as JSON does, each character that a terminal or a browser would interpret."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

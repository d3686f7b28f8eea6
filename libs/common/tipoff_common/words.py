"""Sentences for people."""

from collections.abc import Iterable
from difflib import get_close_matches


def pluralize(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def meant(name: str, known: Iterable[str]) -> str:
    """Return the question for the known names that are near, else all there are."""
    names = list(known)
    # Without regard to case, in which names here do not differ.
    near = get_close_matches(name.lower(), names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names) or 'none'}"


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is none of a kind, and which may have been meant."""
    return f"no {kind} '{name}'; {meant(name, known)}"

"""Phrases for messages to people, and suggestions for misspelt names."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_MIN_LIKENESS, _MAX_NEAREST = 0.6, 5


def pluralize(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def suggest_names(name: str, known: Iterable[str]) -> str:
    """Return a question with the known names that are similar, else a list of all names, each once."""
    names = list(dict.fromkeys(known))
    near = _near(name, names, 3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names) or 'none'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question with the most similar known name, empty when none is similar."""
    near = _near(name, known, 1)
    return f"did you mean '{near[0]}'?" if near else ""


def _near(name: str, known: Iterable[str], most: int) -> list[str]:
    # Ignore case: no two known names differ only in case.
    written = {item.lower(): item for item in known}
    # Cut the name: a caller's input may be long, and each comparison takes quadratic time.
    return [written[item] for item in get_close_matches(name[:100].lower(), written, n=most)]


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return a message that no such name exists, with suggestions."""
    return f"no {kind} '{name}'; {suggest_names(name, known)}"


def nearest(identifier: str, candidates: Iterable[str]) -> list[str]:
    """Return the most similar ids, best first; an id that continues this one, or that it continues, ranks highest."""

    def likeness(candidate: str) -> float:
        if candidate.startswith(identifier) or identifier.startswith(candidate):
            return 1.0
        return SequenceMatcher(None, identifier, candidate, autojunk=False).ratio()

    rated = {candidate: likeness(candidate) for candidate in candidates}
    alike = [candidate for candidate in rated if rated[candidate] >= _MIN_LIKENESS]
    return sorted(alike, key=lambda candidate: (-rated[candidate], candidate))[:_MAX_NEAREST]

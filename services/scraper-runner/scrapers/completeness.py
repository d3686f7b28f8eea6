"""Completeness of a document about many games or teams, by name, for `data_summary`.

What is expected follows from the document itself. A success may well be incomplete; that is how nine games of which one
came are told from nine.
"""

from collections.abc import Collection, Iterable

from pydantic import JsonValue


def completeness(expected: Iterable[str], got: Iterable[str]) -> dict[str, JsonValue]:
    """Compare names of games or teams, for `data_summary`: `{"expected": 9, "got": 8, "missing": ["NYK@PHI"]}`."""
    # What was got and not expected is no part of it: the document knows more games than it was asked for.
    wanted, found = set(expected), set(got)
    missing: list[JsonValue] = [*sorted(wanted - found)]
    return {"expected": len(wanted), "got": len(wanted & found), "missing": missing}


def results(
    played: Iterable[str], over: Iterable[str], unread: Iterable[str], contradicted: Collection[str]
) -> dict[str, JsonValue]:
    """Compare games with those that have their result; one that is off is to have none, and so is not `played`.

    A game that cannot be read, or contradicts itself, has none yet.
    """
    return completeness([*played, *unread], set(over) - set(contradicted))

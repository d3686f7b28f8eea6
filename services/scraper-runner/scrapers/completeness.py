"""Completeness of a document about many games or teams, by name, for `data_summary`.

The expected names come from the document itself. A success may be incomplete: the summary distinguishes one result of
nine games from nine.
"""

from collections.abc import Collection, Iterable

from pydantic import JsonValue


def completeness(expected: Iterable[str], got: Iterable[str]) -> dict[str, JsonValue]:
    """Compare expected and found names of games or teams, for `data_summary`: `{"expected": 9, "got": 8, "missing":
    ["NYK@PHI"]}`."""
    # Ignore names that were not expected: a document may list more games than the requested ones.
    wanted, found = set(expected), set(got)
    missing: list[JsonValue] = [*sorted(wanted - found)]
    return {"expected": len(wanted), "got": len(wanted & found), "missing": missing}


def results(
    played: Iterable[str], over: Iterable[str], unread: Iterable[str], contradicted: Collection[str]
) -> dict[str, JsonValue]:
    """Compare `played` with the games that have a result. A game that is called off has none, and is not `played`.

    A game that cannot be read or contradicts itself counts as expected without a result.
    """
    return completeness([*played, *unread], set(over) - set(contradicted))

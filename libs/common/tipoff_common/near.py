"""Names and ids that are most like one that is unknown."""

from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE, _MOST = 0.6, 5


def nearest(identifier: str, candidates: Iterable[str]) -> list[str]:
    """Return the ids that continue this one, or else are most like it, best first."""

    def likeness(candidate: str) -> float:
        if candidate.startswith(identifier) or identifier.startswith(candidate):
            return 1.0
        return SequenceMatcher(None, identifier, candidate, autojunk=False).ratio()

    rated = {candidate: likeness(candidate) for candidate in candidates}
    alike = [candidate for candidate in rated if rated[candidate] >= _ALIKE]
    return sorted(alike, key=lambda candidate: (-rated[candidate], candidate))[:_MOST]

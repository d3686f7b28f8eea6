"""Days on which a source published, as a search at fixed minutes observes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from tipoff_planning.discovery.intervals import PublicationInterval

WINDOW = 480
"""Minutes of a search."""
FIRST = date(2025, 1, 6)


def seen(
    published: Iterable[float | None], every: int = 30, first: date = FIRST
) -> list[PublicationInterval]:
    """Return the intervals that a poller at a fixed rate observes for days with these minutes; None: never."""
    found = []
    for number, minute in enumerate(published):
        looks = range(0, WINDOW + 1, every)
        before = next((look for look in looks if minute is not None and look >= minute), None)
        after = max((look for look in looks if minute is None or look < minute), default=None)
        found.append(PublicationInterval(first + timedelta(days=number), after, before))
    return found

"""The interval in which a document appeared, from what the poller saw: the last look in vain and the first success."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Look:
    """One attempt to fetch the document of a game date. A failed attempt saw nothing and is no look."""

    game_date: date
    minute: float
    """Minutes after the window opened; negative before it."""
    found: bool


@dataclass(frozen=True)
class PublicationInterval:
    """The document of one game date appeared after `after` and not later than `before`, in minutes of the window."""

    game_date: date
    after: float | None
    """The last look in vain; None when the first look found it."""
    before: float | None
    """The first look that found it; None when none did: it appeared later than `after`, or never."""


def intervals(looks: Iterable[Look], window_minutes: float) -> list[PublicationInterval]:
    """Reduce the looks to one interval a game date, in the order of dates.

    Looks after the first success say nothing of the publication, nor do repeated ones. A success after the window
    closed leaves the date censored at its last look in vain, as does no success at all. A date without any look in the
    window is left out: nobody knows.
    """
    by_date: dict[date, list[Look]] = {}
    for look in looks:
        by_date.setdefault(look.game_date, []).append(look)
    found = (_interval(day, by_date[day], window_minutes) for day in sorted(by_date))
    return [interval for interval in found if interval is not None]


def _interval(day: date, looks: list[Look], window_minutes: float) -> PublicationInterval | None:
    inside = [look for look in looks if look.minute <= window_minutes]
    first_found = min((look.minute for look in inside if look.found), default=None)
    in_vain = [
        look.minute
        for look in inside
        # A look before the window opened says no more than one at its opening, as nothing is planned before it.
        if not look.found and look.minute >= 0 and (first_found is None or look.minute < first_found)
    ]
    if first_found is None and not in_vain:
        return None
    return PublicationInterval(day, max(in_vain, default=None), first_found)

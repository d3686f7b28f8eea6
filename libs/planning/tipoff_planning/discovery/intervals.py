"""The interval in which a document appeared, from what the poller saw: the last look in vain and the first success."""

from collections.abc import Iterable, Sequence
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
    first_tip_off: float | None = None
    """The first tip-off of the game date; None when no game of it has a time."""


@dataclass(frozen=True)
class PublicationHistory:
    """Publication intervals that the looks of earlier days observed, as far as a model can learn from them."""

    intervals: tuple[PublicationInterval, ...] = ()
    """One a game date, in the order of dates."""
    contradictory: tuple[date, ...] = ()
    """Game dates that are left out because their rows contradict each other or the clock."""
    elsewhere: tuple[date, ...] = ()
    """Game dates that are left out because the first look came so late that the window must have been another."""
    first_tip_off: float | None = None
    """The first tip-off of the date that is searched for, in minutes of its window; None when it is not known."""

    def before(self, day: date) -> "PublicationHistory":
        """Keep the dates before a day, in order."""
        ordered = sorted(self.intervals, key=lambda item: item.game_date)
        return PublicationHistory(
            tuple(item for item in ordered if item.game_date < day),
            tuple(item for item in self.contradictory if item < day),
            tuple(item for item in self.elsewhere if item < day),
            self.first_tip_off,
        )

    @property
    def days(self) -> int:
        """Game dates that somebody looked at, those that are left out included."""
        return len(self.intervals) + len(self.contradictory) + len(self.elsewhere)


SAME_MOMENT = 1.0
"""Minutes within which a success and a look in vain may change places without a contradiction: two looks at once."""


def read_history(
    looks: Iterable[Look], window_minutes: float, first_look_by: float, errors: Iterable[date] = ()
) -> PublicationHistory:
    """Reduce the looks to a history, and set aside the dates from which nothing can be learned.

    first_look_by: the minute of the window by which every way of looking has looked once. A date whose first look
    came later was looked at in another window, so its interval would claim that nothing came before.
    errors: dates that have a row which the clock rules out.
    """
    by_date: dict[date, list[Look]] = {}
    for look in looks:
        by_date.setdefault(look.game_date, []).append(look)
    contradictory = {day for day, own in by_date.items() if _contradictory(own, window_minutes)}.union(errors)
    # Set aside before the windows are compared: a clock that is wrong also makes a first look seem late.
    kept = {day: own for day, own in by_date.items() if day not in contradictory}
    elsewhere = {day for day, own in kept.items() if min(look.minute for look in own) > first_look_by}
    # Dates that were only asked for after the window, such as by a backfill, are no searches at all.
    searched = {day for day in elsewhere if min(look.minute for look in kept[day]) <= window_minutes}
    usable = [look for day, own in kept.items() if day not in elsewhere for look in own]
    return PublicationHistory(
        tuple(intervals(usable, window_minutes)), tuple(sorted(contradictory)), tuple(sorted(searched))
    )


def _contradictory(looks: Sequence[Look], window_minutes: float) -> bool:
    """Say whether a document that was there is gone later in the window, which one of the two rows has wrong."""
    found = min((look.minute for look in looks if look.found), default=None)
    return found is not None and any(
        not look.found and found + SAME_MOMENT < look.minute <= window_minutes for look in looks
    )


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
    # Nobody looked in the window.
    if first_found is None and not in_vain:
        return None
    return PublicationInterval(day, max(in_vain, default=None), first_found)

"""Publication intervals: a document appeared between the poller's last look in vain and its first success."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Look:
    """One attempt to fetch the document of a game date. A failed attempt observed nothing and is no look."""

    game_date: date
    minute: float
    """Minutes after the opening of the window; negative before it."""
    found: bool


@dataclass(frozen=True)
class PublicationInterval:
    """The document of one game date appeared after `after` and not later than `before`, in minutes of the window."""

    game_date: date
    after: float | None
    """The last look in vain; None when the first look found the document."""
    before: float | None
    """The first successful look; None without success: the document appeared later than `after`, or never."""
    first_tip_off: float | None = None
    """The first tip-off of the game date; None when no game of the date has a time."""


@dataclass(frozen=True)
class PublicationHistory:
    """Publication intervals of earlier days, as far as a model can learn from them."""

    intervals: tuple[PublicationInterval, ...] = ()
    """One per game date, in the order of dates."""
    contradictory: tuple[date, ...] = ()
    """Game dates left out because their rows contradict each other or the clock."""
    elsewhere: tuple[date, ...] = ()
    """Game dates left out because their first look came too late for the current window."""
    first_tip_off: float | None = None
    """The first tip-off of the searched date, in minutes of its window; None when unknown."""

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
        """Number of game dates with looks, those left out included."""
        return len(self.intervals) + len(self.contradictory) + len(self.elsewhere)


SAME_MOMENT = 1.0
"""Minutes by which a look in vain may follow a success without a contradiction: two looks at the same time."""


def read_history(
    looks: Iterable[Look], window_minutes: float, first_look_by: float, errors: Iterable[date] = ()
) -> PublicationHistory:
    """Reduce the looks to a history, and set aside the dates that cannot be used for learning.

    first_look_by: the minute of the window by which every policy has looked once. A date with a later first look had
    another window, so its interval would wrongly exclude an earlier publication.
    errors: dates with a row later than the clock.
    """
    by_date: dict[date, list[Look]] = {}
    for look in looks:
        by_date.setdefault(look.game_date, []).append(look)
    contradictory = {day for day, own in by_date.items() if _contradictory(own, window_minutes)}.union(errors)
    # Drop contradictory dates before the windows are compared: a wrong clock also makes a first look seem late.
    consistent = {day: own for day, own in by_date.items() if day not in contradictory}
    elsewhere = {day for day, own in consistent.items() if min(look.minute for look in own) > first_look_by}
    # Dates requested only after the window, such as by a backfill, were not searches at all.
    searched = {day for day in elsewhere if min(look.minute for look in consistent[day]) <= window_minutes}
    usable = [look for day, own in consistent.items() if day not in elsewhere for look in own]
    return PublicationHistory(
        tuple(intervals(usable, window_minutes)), tuple(sorted(contradictory)), tuple(sorted(searched))
    )


def _contradictory(looks: Sequence[Look], window_minutes: float) -> bool:
    """Return whether a look in vain follows a success within the window, so that one of the two rows is wrong."""
    found = min((look.minute for look in looks if look.found), default=None)
    return found is not None and any(
        not look.found and found + SAME_MOMENT < look.minute <= window_minutes for look in looks
    )


def intervals(looks: Iterable[Look], window_minutes: float) -> list[PublicationInterval]:
    """Reduce the looks to one interval per game date, in the order of dates.

    Looks after the first success and repeated looks do not change the interval. A date without a success in the window
    is censored at its last look in vain. A date without any look in the window is left out.
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
        # Ignore looks in vain before the window: no check is planned before its opening.
        if not look.found and look.minute >= 0 and (first_found is None or look.minute < first_found)
    ]
    # No look in the window.
    if first_found is None and not in_vain:
        return None
    return PublicationInterval(day, max(in_vain, default=None), first_found)

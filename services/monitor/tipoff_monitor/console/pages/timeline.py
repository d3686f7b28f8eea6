"""The day as a drawing: where each expected occurrence stands on the axis. Shares of the width, no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import fleet_zone, local_instant
from tipoff_planning.expectations import Expectation

LANES = 6
"""Rows of bars within one workflow's row; what runs beside more than that shares the last."""
_NARROWEST = 0.004
"""Share of the width below which a bar could not be seen or hit."""
# Slots that follow each other would be drawn as one bar.
_GAP = 0.0005
_EVERY_HOURS = 3
_NIGHT = timedelta(hours=9)
"""How far into the night after the day the axis may reach: the last look for a late game's data lies within it."""


@dataclass(frozen=True)
class Axis:
    """The instants at the left and the right edge."""

    start: datetime
    end: datetime

    def share(self, instant: datetime) -> float:
        """Return where an instant stands, 0 to 1; what lies outside stands at the edge."""
        found = (instant - self.start) / (self.end - self.start)
        return min(max(found, 0.0), 1.0)


@dataclass(frozen=True)
class Bar:
    """One occurrence: its window from the expected instant to its deadline."""

    row: Expectation
    left: float
    width: float
    lane: int


@dataclass(frozen=True)
class Mark:
    """An hour of the axis."""

    left: float
    width: float
    """The distance to the next one, or to the edge."""
    label: str


def axis_of(day: date, rows: Sequence[Expectation]) -> Axis:
    """Return the day from its midnight to the next, or to the end of what the day still has to do in the night."""
    start = local_instant(day, time())
    midnight = local_instant(day + timedelta(days=1), time())
    latest = max((row.deadline for row in rows), default=midnight)
    # One odd deadline must not squeeze the day.
    return Axis(start, max(midnight, min(latest, midnight + _NIGHT)))


def marks(axis: Axis) -> list[Mark]:
    """Return the hours to write above the axis, from its start on; on a day whose clocks change they are the wall's."""
    found: list[tuple[float, str]] = [(0.0, "")]  # where the axis begins, which needs no label
    # The first whole hour by the wall: an axis may begin at any minute, as a search's window does.
    begun = axis.start.astimezone(fleet_zone())
    instant = axis.start + timedelta(hours=1) - timedelta(minutes=begun.minute, seconds=begun.second)
    # A label needs room to the right of its mark.
    while instant <= axis.end - timedelta(minutes=30):
        hour = instant.astimezone(fleet_zone()).hour
        if hour % _EVERY_HOURS == 0:
            found.append((axis.share(instant), f"{hour:02}"))
        instant += timedelta(hours=1)
    ends = [left for left, _ in found[1:]] + [1.0]
    return [Mark(left, end - left, label) for (left, label), end in zip(found, ends, strict=True)]


def bars(axis: Axis, rows: Sequence[Expectation]) -> list[Bar]:
    """Place the occurrences of one workflow; those whose windows overlap stand below each other."""
    placed: list[Bar] = []
    free_from = [0.0] * LANES
    for row in sorted(rows, key=lambda row: (row.expected_run_time, row.occurrence_id)):
        left = min(axis.share(row.expected_run_time), 1 - _NARROWEST)
        width = max(axis.share(row.deadline) - left - _GAP, _NARROWEST)
        # The highest lane that is free, as a calendar places meetings.
        lane = next((number for number, end in enumerate(free_from) if end <= left), LANES - 1)
        free_from[lane] = max(free_from[lane], left + width)
        placed.append(Bar(row, left, width, lane))
    return placed


def lanes(placed: Sequence[Bar]) -> int:
    """Return how many rows of bars there are, at least one."""
    return max((bar.lane for bar in placed), default=0) + 1

"""The day as a drawing: the position of each expected occurrence on the axis, in shares of the width."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import fleet_zone, local_instant
from tipoff_planning.expectations import Expectation

LANES = 6
"""Maximum number of lanes within one workflow's row; further overlapping bars share the last lane."""
_NARROWEST = 0.004
"""Least share of the width at which a bar can be seen and clicked."""
# Without a gap, consecutive slots would look like one bar.
_GAP = 0.0005
_EVERY_HOURS = 3
_NIGHT = timedelta(hours=9)
"""The longest that the axis extends after midnight: it includes the last check for a late game's data."""


@dataclass(frozen=True)
class Axis:
    """The instants at the left and the right edge."""

    start: datetime
    end: datetime

    def share(self, instant: datetime) -> float:
        """Return the position of an instant, from 0 to 1; an instant outside the axis is clamped to its edge."""
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
    """The distance to the next mark, or to the edge."""
    label: str


def axis_of(day: date, rows: Sequence[Expectation]) -> Axis:
    """Return the axis of a day from midnight to midnight, extended to the last deadline of the day's rows."""
    start = local_instant(day, time())
    midnight = local_instant(day + timedelta(days=1), time())
    latest = max((row.deadline for row in rows), default=midnight)
    # Bounded, because a single odd deadline must not squeeze the day.
    return Axis(start, max(midnight, min(latest, midnight + _NIGHT)))


def marks(axis: Axis) -> list[Mark]:
    """Return the hours to write above the axis, in wall-clock time, also on a day whose clocks change."""
    found: list[tuple[float, str]] = [(0.0, "")]  # the start of the axis, without a label
    # The first whole hour of the wall clock: an axis may begin at any minute, such as that of a search's window.
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
    """Place the occurrences of one workflow, with overlapping windows in different lanes."""
    placed: list[Bar] = []
    free_from = [0.0] * LANES
    for row in sorted(rows, key=lambda row: (row.expected_run_time, row.occurrence_id)):
        left = min(axis.share(row.expected_run_time), 1 - _NARROWEST)
        width = max(axis.share(row.deadline) - left - _GAP, _NARROWEST)
        # The topmost free lane, as in a calendar of meetings.
        lane = next((number for number, end in enumerate(free_from) if end <= left), LANES - 1)
        free_from[lane] = max(free_from[lane], left + width)
        placed.append(Bar(row, left, width, lane))
    return placed


def lanes(placed: Sequence[Bar]) -> int:
    """Return the number of lanes, at least one."""
    return max((bar.lane for bar in placed), default=0) + 1

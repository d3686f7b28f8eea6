"""Tests of the trend of a source's publication times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tipoff_planning.discovery.trend import HALF_LIFE, MAX_SLOPE, MIN_DAYS, slopes

NEVER, EARLY = (480.0, math.inf), (-math.inf, 0.0)


def slope(days: list[tuple[float, float]], target: int | None = None) -> float:
    """Return the trend at the day after these days, or at day number `target`."""
    ends = np.array(days, dtype=float).reshape(-1, 2)
    ages = np.array([[(len(days) if target is None else target) - number for number in range(len(days))]])
    return float(slopes(ends[:, 0], ends[:, 1], ages.astype(float))[0])


def exactly(minutes: list[float]) -> list[tuple[float, float]]:
    return [(minute, minute) for minute in minutes]


@given(st.lists(st.floats(1, 480), min_size=MIN_DAYS, max_size=30), st.integers(0, 10))
@settings(max_examples=examples(100))
def test_trend_is_least_squares_slope_times_explained_variance(minutes: list[float], later: int) -> None:
    """Oracle: NumPy's polynomial fit, in which a day's weight halves with each half-life."""
    numbers, times = np.arange(len(minutes)), np.array(minutes)
    target = len(minutes) + later
    weights = 0.5 ** ((target - numbers) / HALF_LIFE)
    variance = np.average((times - np.average(times, weights=weights)) ** 2, weights=weights)
    assume(variance > 1e-3)
    steepness, start = np.polyfit(numbers, times, 1, w=np.sqrt(weights))
    explained = 1 - np.average((times - start - steepness * numbers) ** 2, weights=weights) / variance
    expected = np.clip(steepness * explained, -MAX_SLOPE, MAX_SLOPE)
    assert slope(exactly(minutes), target) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("minutes_a_day", "expected"),
    [(2.0, 2.0), (-3.5, -3.5), (0.0, 0.0), (14.0, MAX_SLOPE), (-14.0, -MAX_SLOPE)],
)
def test_trend_of_days_on_a_line_is_their_step_capped_at_ten_minutes(
    minutes_a_day: float, expected: float
) -> None:
    assert slope(exactly([240 + minutes_a_day * day for day in range(10)])) == pytest.approx(expected)


@pytest.mark.parametrize(("days", "expected"), [(MIN_DAYS - 1, 0.0), (MIN_DAYS, 2.0)])
def test_trend_is_zero_with_fewer_than_five_days(days: int, expected: float) -> None:
    assert slope(exactly([60 + 2.0 * day for day in range(days)])) == pytest.approx(expected)
    # Days without a known time do not count towards the minimum.
    assert slope([*exactly([60 + 2.0 * day for day in range(days)]), NEVER, EARLY]) == pytest.approx(expected)


@pytest.mark.parametrize("uncounted", [NEVER, EARLY, (-math.inf, -20.0), (-30.0, -20.0)])
def test_days_without_a_publication_in_the_window_do_not_count(uncounted: tuple[float, float]) -> None:
    days = exactly([60 + 2.0 * day for day in range(10)])
    days[2] = days[9] = uncounted
    assert slope(days) == pytest.approx(2.0)


def test_a_day_found_within_the_first_minute_counts() -> None:
    assert slope(exactly([0.5, 2.5, 4.5, 6.5, 8.5])) == pytest.approx(2.0)


def test_target_day_and_later_days_do_not_count() -> None:
    days = exactly([60 + 2.0 * day for day in range(8)] + [400.0, 10.0])
    assert slope(days, target=8) == pytest.approx(2.0)
    assert slope(days, target=9) != pytest.approx(2.0)


def test_each_target_day_has_its_own_trend() -> None:
    minutes = [60 + 2.0 * day for day in range(10)] + [80 - 3.0 * day for day in range(10)]
    ends = np.array(minutes)
    ages = np.array([[float(target - number) for number in range(20)] for target in (10, 20)])
    found = slopes(ends, ends, ages)
    assert found[0] == pytest.approx(2.0)
    assert found[1] == pytest.approx(slope(exactly(minutes)))
    assert found[1] < 0


def test_wide_interval_containing_trend_does_not_change_trend() -> None:
    """The interval's middle would add a trend: on the last day it is two hours from the line."""
    days = exactly([60 + 2.0 * day for day in range(19)])
    assert slope([*days, (0.0, 480.0)]) == pytest.approx(2.0, abs=0.01)
    assert slope([*days, (-math.inf, 480.0)]) == pytest.approx(2.0, abs=0.01)
    # An interval outside the trend counts with its nearest end.
    assert slope([*days, (200.0, 480.0)]) == pytest.approx(slope([*days, (200.0, 200.0)]))


def test_identical_intervals_have_no_trend() -> None:
    assert slope([(60.0, 120.0)] * 10) == pytest.approx(0.0)

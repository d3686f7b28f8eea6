"""Trend of a source's publication time in minutes a day, by weighted least squares over intervals."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

HALF_LIFE = 12.0
"""Days after which the weight of a day has halved."""
ROUNDS = 5
"""Rounds of least squares; each round then sets a day's time to the point of its interval nearest to the trend."""
MIN_DAYS = 5
"""Fewest days with a publication for a trend."""
MAX_SLOPE = 10.0
"""Limit in minutes a day. A steeper trend is a change overnight, which the forgetting of old days handles."""
_NEGLIGIBLE = 1e-6
"""Replaces sums of zero in divisors."""


def slopes(after: "Array", before: "Array", ages: "Array") -> "Array":
    """Return the trend at each target day in minutes a day, positive where publication comes later each day.

    after, before: the interval of each day in minutes of the window, infinite where it is open. ages: targets by days,
    the number of days from each day to the target; days with an age of 0 or less do not count. Each slope is multiplied
    by the share of the variance that it explains.
    """
    import numpy as np

    # A day without publication, or with one before the window, has no midpoint for a trend.
    has_midpoint = np.isfinite(before) & (before > 0)
    before = np.where(has_midpoint, before, 0.0)
    after = np.where(np.isfinite(after), after, np.minimum(0.0, before))
    weights = np.where((ages > 0) & has_midpoint, 0.5 ** (ages / HALF_LIFE), 0.0)
    total = np.maximum(weights.sum(axis=1), _NEGLIGIBLE)
    # Dates instead of ages, which count backwards; their weighted mean is at zero.
    dates = (weights * ages).sum(axis=1, keepdims=True) / total[:, None] - ages
    spread = np.maximum((weights * dates**2).sum(axis=1), _NEGLIGIBLE)
    times = np.broadcast_to((after + before) / 2, weights.shape)
    for _ in range(ROUNDS):
        middle = (weights * times).sum(axis=1) / total
        slope = (weights * dates * times).sum(axis=1) / spread
        # Use the point of each interval nearest to the trend: the midpoint of a wide interval carries no information.
        trend = middle[:, None] + slope[:, None] * dates
        times = np.clip(trend, after, before)
    # The same nearest points measure the fit of the trend.
    residual_variance = (weights * (times - trend) ** 2).sum(axis=1)
    mean = (weights * times).sum(axis=1) / total
    total_variance = (weights * (times - mean[:, None]) ** 2).sum(axis=1)
    # Shrink by the explained share: days that differ by weekday, or at random, have no trend.
    explained = np.maximum(1 - residual_variance / np.maximum(total_variance, _NEGLIGIBLE), 0)
    # With fewer days a line fits anything.
    enough = (weights > 0).sum(axis=1) >= MIN_DAYS
    return np.clip(np.where(enough, slope * explained, 0.0), -MAX_SLOPE, MAX_SLOPE)

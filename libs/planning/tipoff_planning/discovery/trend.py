"""Fit by how many minutes a day a source's publication moves: weighted least squares over intervals."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

HALF_LIFE = 12.0
"""Days after which a day counts half."""
ROUNDS = 5
"""Of least squares, after each of which a day's time is taken to be that in its interval which is nearest the trend."""
MIN_DAYS = 5
"""Days with a publication below which there is no trend."""
MAX_SLOPE = 10.0
"""Minutes a day. A steeper trend is a change overnight, which forgetting follows."""
_NEGLIGIBLE = 1e-6
"""In place of sums of zero, by which nothing can be divided."""


def slopes(after: "Array", before: "Array", ages: "Array") -> "Array":
    """Return the trend at each target day in minutes a day, positive where publication comes later each day.

    after, before: the interval of each day in minutes of the window, infinite where it is open. ages: targets by days,
    by how many days each lies before the target; days from the target on, which lie 0 or fewer before it, do not count.
    Each slope is shrunk by the share of the variance that it explains.
    """
    import numpy as np

    # A day that never published, or published before the window, has no middle to lie on a trend.
    seen = np.isfinite(before) & (before > 0)
    before = np.where(seen, before, 0.0)
    after = np.where(np.isfinite(after), after, np.minimum(0.0, before))
    weights = np.where((ages > 0) & seen, 0.5 ** (ages / HALF_LIFE), 0.0)
    total = np.maximum(weights.sum(axis=1), _NEGLIGIBLE)
    # Dates in place of ages, which count backwards, with the weighted mean of them at zero.
    dates = (weights * ages).sum(axis=1, keepdims=True) / total[:, None] - ages
    spread = np.maximum((weights * dates**2).sum(axis=1), _NEGLIGIBLE)
    times = np.broadcast_to((after + before) / 2, weights.shape)
    for _ in range(ROUNDS):
        middle = (weights * times).sum(axis=1) / total
        slope = (weights * dates * times).sum(axis=1) / spread
        # Of each interval the time nearest to the trend: the middle of a wide one says nothing of it.
        trend = middle[:, None] + slope[:, None] * dates
        times = np.clip(trend, after, before)
    # By the times that are nearest to it the trend is judged as well.
    left = (weights * (times - trend) ** 2).sum(axis=1)
    mean = (weights * times).sum(axis=1) / total
    whole = (weights * (times - mean[:, None]) ** 2).sum(axis=1)
    # Shrunk by what it explains: days that differ by their weekday, or by nothing that is known, have no trend.
    explained = np.maximum(1 - left / np.maximum(whole, _NEGLIGIBLE), 0)
    # Through fewer days a line fits anything.
    enough = (weights > 0).sum(axis=1) >= MIN_DAYS
    return np.clip(np.where(enough, slope * explained, 0.0), -MAX_SLOPE, MAX_SLOPE)

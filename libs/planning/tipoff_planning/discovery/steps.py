"""The step in which learned times are planned, and how many checks a gap takes."""

from datetime import timedelta

BIN_MINUTES = 5
"""Width of a bin of the distribution, and the step in which checks are planned: as fine as ticks usefully come."""
CHECK_STEP = timedelta(minutes=BIN_MINUTES)


def fewest_checks(window: timedelta, max_gap: timedelta) -> int:
    """Return how many checks it takes at least to leave no gap over `max_gap` in the window, its end included."""
    # The opening counts as a check of its own that nobody makes, one bin before the first that may be made.
    bins, gap = -(-window // CHECK_STEP) + 1, max(1, max_gap // CHECK_STEP)
    return -(-bins // gap)

"""The step between learned times, and the number of checks that a longest gap requires."""

from datetime import timedelta

BIN_MINUTES = 5
"""Width of a bin of the distribution, and the step between planned checks: no finer than useful ticks."""
CHECK_STEP = timedelta(minutes=BIN_MINUTES)


def fewest_checks(window: timedelta, max_gap: timedelta) -> int:
    """Return the fewest checks that leave no gap over `max_gap` in the window, its end included."""
    # A gap also starts at the opening, as if a check were made one bin before the first possible one.
    bins, gap = -(-window // CHECK_STEP) + 1, max(1, max_gap // CHECK_STEP)
    return -(-bins // gap)

"""Choose the looks that cost least, given when a source publishes: inspection by dynamic programming.

The theory is that of inspection policies (Barlow, Hunter, Proschan 1963): each look costs a price, each minute between
publication and the look that finds it costs a minute. Over bins, dynamic programming gives the exact optimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tipoff_planning.discovery.model import PublicationModel, smoothing_kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


CAUTION_BINS = 2.5
"""Standard deviation of the kernel by which a model is widened before it is planned for.

A check that comes a moment too early costs an attempt and the wait for the next, one that comes a moment too late its
minutes alone, and a model cannot know how it errs. On the real trace plans for the model as it is take as many attempts
and find p95 five minutes later."""


@dataclass(frozen=True)
class Guards:
    """Limits of a plan that hold whatever the model says."""

    budget: int
    """Most looks of one day."""
    price: float
    """Minutes of delay that one look less is worth."""
    max_gap: int
    """Most minutes from the window's opening to the first look and from one to the next."""

    def __post_init__(self) -> None:
        if self.budget < 1 or self.max_gap < 1 or self.price < 0:
            raise ValueError("budget and max_gap are at least 1, price_per_attempt is at least 0")


def widen(model: PublicationModel) -> PublicationModel:
    """Return the model as it is planned for: its bins smoothed, what lies before the window and never unchanged."""
    import numpy as np

    masses = np.array(model.masses) @ smoothing_kernel(len(model.masses), CAUTION_BINS)
    return model.model_copy(update={"masses": tuple(float(mass) for mass in masses)})


def expect(model: PublicationModel, minutes: Sequence[int]) -> tuple[float, float]:
    """Return the mean delay in minutes and the mean number of looks of a day that is looked at at these minutes.

    The delay is that of days on which it is published in the window.
    """
    import numpy as np

    cells, ends, published = _cells(model)
    delay, found, asked, last = 0.0, 0.0, 0.0, -1
    for minute in minutes:
        look = int(np.searchsorted(ends, minute))
        asked += 1.0 - found
        inside = slice(last + 1, look + 1)
        delay += float((cells[inside] * (ends[look] - published[inside])).sum())
        found += float(cells[inside].sum())
        last = look
    return (round(delay / found, 2) if found else 0.0), round(asked, 3)


def _cells(model: PublicationModel) -> "tuple[Array, Array, Array]":
    """Return of each cell but never: its mass, the minute at which it ends, and when it is published on average."""
    import numpy as np

    ends = np.minimum(np.arange(len(model.masses) + 1) * model.bin_minutes, model.window_minutes).astype(
        float
    )
    # A document appears in the middle of its bin, on average; one that was there before the window is no delay.
    published = np.concatenate([[0.0], ends[1:] - model.bin_minutes / 2])
    return np.array([model.early, *model.masses]), ends, published


def plan(model: PublicationModel, guards: Guards) -> tuple[int, ...]:
    """Return the minutes after the window's opening at which to look on a day, until found.

    The last look is at the window's end, so that whatever was published in it is found. Where the budget is too small
    for `max_gap`, the budget holds and the looks are spread as far as it goes.
    """
    width, bins = model.bin_minutes, len(model.masses)
    cells, minutes, published = _cells(model)
    gap = max(1, guards.max_gap // width)
    # The budget is a promise to the source and outranks the longest gap, which is only a wish of ours.
    gap = max(gap, -(-(bins + 1) // guards.budget))
    looks = _cheapest(cells, minutes, published, guards.price, gap, min(guards.budget, bins + 1))
    return tuple(int(minutes[look]) for look in looks)


def _cheapest(
    cells: "Array",
    minutes: "Array",
    published: "Array",
    price: float,
    gap: int,
    budget: int,
) -> list[int]:
    """Return the cells at whose ends to look. State: the last look and, where the budget binds, how many are left."""
    import numpy as np

    bins = len(cells) - 1
    mass = np.concatenate([[0.0], np.cumsum(cells)])
    moment = np.concatenate([[0.0], np.cumsum(cells * published)])
    # Most budgets do not bind, and without one the program has a dimension less.
    free, following = np.zeros(bins + 2), np.zeros(bins + 2, dtype=int)
    for last in range(bins - 1, -2, -1):
        ends = np.arange(last + 1, min(bins, last + gap) + 1)
        # All that appears until a look waits for it; what never appears costs the price of the looks alone.
        waiting = (mass[ends + 1] - mass[last + 1]) * minutes[ends] - (moment[ends + 1] - moment[last + 1])
        costs = waiting + free[ends + 1]
        chosen = costs.argmin()
        free[last + 1] = price * (1.0 - mass[last + 1]) + costs[chosen]
        following[last + 1] = ends[chosen]
    freely = [int(following[0])]
    while freely[-1] < bins:
        freely.append(int(following[freely[-1] + 1]))
    if len(freely) <= budget:
        return freely
    # best[left, last + 1]: the least cost after a look at `last` in vain, with `left` looks to come.
    best = np.full((budget + 1, bins + 2), np.inf)
    # After a look at the window's end nothing more costs anything.
    best[:, bins + 1] = 0.0
    choice = np.zeros((budget + 1, bins + 2), dtype=int)
    # Backwards, since the cost of a look contains that of all looks after it.
    for last in range(bins - 1, -2, -1):
        ends = np.arange(last + 1, min(bins, last + gap) + 1)
        waiting = (mass[ends + 1] - mass[last + 1]) * minutes[ends] - (moment[ends + 1] - moment[last + 1])
        costs = waiting[None, :] + best[:-1][:, ends + 1]
        chosen = costs.argmin(axis=1)
        unseen = 1.0 - mass[last + 1]
        best[1:, last + 1] = price * unseen + costs[np.arange(budget), chosen]
        choice[1:, last + 1] = ends[chosen]
    looks: list[int] = []
    last, left = -1, budget
    while last < bins:
        last, left = int(choice[left, last + 1]), left - 1
        looks.append(last)
    return looks

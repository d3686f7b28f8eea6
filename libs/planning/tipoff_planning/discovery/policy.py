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

    cells = np.array([model.early, *model.masses])
    ends = np.minimum(np.arange(len(cells)) * model.bin_minutes, model.window_minutes).astype(float)
    # A document appears in the middle of its bin, on average; one that was there before the window is no delay.
    published = np.concatenate([[0.0], ends[1:] - model.bin_minutes / 2])
    return cells, ends, published


def plan(model: PublicationModel, guards: Guards) -> tuple[int, ...]:
    """Return the minutes after the window's opening at which to look on a day, until found.

    The last look is at the window's end, so that whatever was published in it is found. Where the budget is too small
    for `max_gap`, the budget holds and the looks are spread as far as it goes.
    """
    cells, minutes, _ = _cells(model)
    gap = max(1, guards.max_gap // model.bin_minutes)
    # The budget is a promise to the source and outranks the longest gap, which is only a wish of ours.
    gap = max(gap, -(-len(cells) // guards.budget))
    looks = _cheapest(cells, minutes, guards.price, gap, min(guards.budget, len(cells)))
    return tuple(int(minutes[look]) for look in looks)


def _cheapest(
    cells: "Array",
    minutes: "Array",
    price: float,
    gap: int,
    budget: int,
) -> list[int]:
    """Return the cells at whose ends to look.

    State: the first cell that no look has covered yet and, where the budget binds, how many looks are left.
    """
    import numpy as np

    mass = np.concatenate([[0.0], np.cumsum(cells)])
    # Most budgets do not bind, and without one the program has a dimension less.
    free, following = np.zeros(len(mass)), np.zeros(len(mass), dtype=int)
    # Backwards, since the cost of a look contains that of all looks after it.
    for first in reversed(range(len(cells))):
        ends = np.arange(first, min(len(cells), first + gap))
        # All that appears until a look waits for it, from the opening on: when it appears costs every plan the same.
        # What never appears costs the price of the looks alone.
        costs = (mass[ends + 1] - mass[first]) * minutes[ends] + free[ends + 1]
        chosen = costs.argmin()
        free[first] = price * (1.0 - mass[first]) + costs[chosen]
        following[first] = ends[chosen]
    looks, first = list[int](), 0
    while first < len(cells):
        looks.append(int(following[first]))
        first = looks[-1] + 1
    if len(looks) <= budget:
        return looks
    # best[left, first]: the least cost of the cells from `first` on, with `left` looks to come.
    best = np.full((budget + 1, len(mass)), np.inf)
    # After a look at the window's end nothing more costs anything.
    best[:, -1] = 0.0
    choice = np.zeros((budget + 1, len(mass)), dtype=int)
    for first in reversed(range(len(cells))):
        ends = np.arange(first, min(len(cells), first + gap))
        waiting = (mass[ends + 1] - mass[first]) * minutes[ends]
        costs = waiting[None, :] + best[:-1][:, ends + 1]
        chosen = costs.argmin(axis=1)
        best[1:, first] = price * (1.0 - mass[first]) + costs[np.arange(budget), chosen]
        choice[1:, first] = ends[chosen]
    looks, first, left = list[int](), 0, budget
    while first < len(cells):
        looks.append(int(choice[left, first]))
        first, left = looks[-1] + 1, left - 1
    return looks

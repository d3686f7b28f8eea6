"""The cheapest looks for a distribution of publication times, by dynamic programming.

The theory is that of inspection policies (Barlow, Hunter, Proschan 1963): each look has a price, and each minute from
publication to the successful look costs a minute. Over bins, dynamic programming gives the exact optimum.
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
"""Standard deviation of the kernel that widens a model before planning.

A check a moment too early costs an attempt and the wait for the next one; a check a moment too late costs only its
delay; and a model does not include its own error. On the real trace, plans for the unwidened model take as many
attempts, and their p95 is five minutes later."""


@dataclass(frozen=True)
class Guards:
    """Limits of a plan for any model."""

    budget: int
    """Most looks of one day."""
    price: float
    """Cost of one look in minutes of delay."""
    max_gap: int
    """Most minutes from the window's opening to the first look, and between two looks."""

    def __post_init__(self) -> None:
        if self.budget < 1 or self.max_gap < 1 or self.price < 0:
            raise ValueError("budget and max_gap are at least 1, price_per_attempt is at least 0")


def widen(model: PublicationModel) -> PublicationModel:
    """Return the model to plan with: its bins smoothed, its probabilities of `early` and `never` unchanged."""
    import numpy as np

    masses = np.array(model.masses) @ smoothing_kernel(len(model.masses), CAUTION_BINS)
    return model.model_copy(update={"masses": tuple(float(mass) for mass in masses)})


def expect(model: PublicationModel, minutes: Sequence[int]) -> tuple[float, float]:
    """Return the mean delay in minutes and the mean number of looks of a day with looks at these minutes.

    The delay is the mean over days with a publication by the window's close; one before the window counts from its
    opening.
    """
    import numpy as np

    cells, ends, published = _cells(model)
    delay, found, looks, last = 0.0, 0.0, 0.0, -1
    for minute in minutes:
        look = int(np.searchsorted(ends, minute))
        looks += 1.0 - found
        inside = slice(last + 1, look + 1)
        delay += float((cells[inside] * (ends[look] - published[inside])).sum())
        found += float(cells[inside].sum())
        last = look
    return (round(delay / found, 2) if found else 0.0), round(looks, 3)


def _cells(model: PublicationModel) -> "tuple[Array, Array, Array]":
    """Return the mass, the last minute and the mean publication time of each cell except `never`."""
    import numpy as np

    cells = np.array([model.early, *model.masses])
    ends = np.minimum(np.arange(len(cells)) * model.bin_minutes, model.window_minutes).astype(float)
    # On average a document appears in the middle of its bin; one published before the window counts from the opening.
    published = np.concatenate([[0.0], ends[1:] - model.bin_minutes / 2])
    return cells, ends, published


def plan(model: PublicationModel, guards: Guards) -> tuple[int, ...]:
    """Return the minutes after the window's opening at which to look on a day, until found.

    The last look is at the window's end and finds everything published in the window. If the budget is too small for
    `max_gap`, the gap is widened to fit the budget.
    """
    cells, minutes, _ = _cells(model)
    gap = max(1, guards.max_gap // model.bin_minutes)
    # The budget outranks the longest gap: it limits the load on the source, and the gap is only our preference.
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

    State: the first cell that no look has covered yet and, if the budget binds, the number of looks left.
    """
    import numpy as np

    mass = np.concatenate([[0.0], np.cumsum(cells)])
    # Try without the budget first: most budgets do not bind, and the program then has one dimension less.
    free, following = np.zeros(len(mass)), np.zeros(len(mass), dtype=int)
    # Backwards, since the cost of a look includes that of all later looks.
    for first in reversed(range(len(cells))):
        ends = np.arange(first, min(len(cells), first + gap))
        # Count delays from the opening and not from the publication: the difference is the same for every plan. A day
        # without publication costs only the price of its looks.
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
    # best[remaining, first]: the least cost of the cells from `first` on, with `remaining` looks to come.
    best = np.full((budget + 1, len(mass)), np.inf)
    # After a look at the window's end no cost remains.
    best[:, -1] = 0.0
    choice = np.zeros((budget + 1, len(mass)), dtype=int)
    for first in reversed(range(len(cells))):
        ends = np.arange(first, min(len(cells), first + gap))
        waiting = (mass[ends + 1] - mass[first]) * minutes[ends]
        costs = waiting[None, :] + best[:-1][:, ends + 1]
        chosen = costs.argmin(axis=1)
        best[1:, first] = price * (1.0 - mass[first]) + costs[np.arange(budget), chosen]
        choice[1:, first] = ends[chosen]
    looks, first, remaining = list[int](), 0, budget
    while first < len(cells):
        looks.append(int(choice[remaining, first]))
        first, remaining = looks[-1] + 1, remaining - 1
    return looks

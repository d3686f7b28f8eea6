"""Distribution of a source's publication times, fitted to the intervals that the poller observed.

Publication times are known as intervals only, so the estimate is Turnbull's (1976) for interval-censored data, by EM
over bins of the window. Several such estimates compete. They differ in how fast they forget, in the weight of days of
the same weekday, in whether days are moved along a trend or with their first tip-off, and in their smoothing. The
weight of each follows from its predictions of the latest days. So one mechanism handles drift, a change overnight,
weekdays and tip-offs, and the data decide between them.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import Field

from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.steps import BIN_MINUTES
from tipoff_planning.discovery.trend import slopes
from tipoff_planning.frozen import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MAX_DAYS = 120
"""Days of history read; older days weigh less than a hundredth for every expert but the slowest."""
STEADY = ((1.0, 1.0), (3.0, 1.0), (12.0, 1.0), (40.0, 1.0), (12.0, 200.0), (40.0, 200.0))
"""One expert each: its half-life in days, and the additional factor for days of the same weekday."""
DRIFT_HALF_LIVES = (4.0, 16.0)
"""Half-lives of the experts that move each day along the latest trend to its expected place on the target day."""
TIP_OFF_HALF_LIVES = (4.0, 24.0)
"""Half-lives of the experts that move each day by the difference of the target day's first tip-off from its own."""
SMOOTHING_BINS = (0.3, 0.8, 1.5, 3.5)
"""Standard deviations of the kernels that smooth each estimate, one expert each: the NPMLE puts its mass on few
bins, and a source that published at 17:10 yesterday may well do so at 17:20 today."""
EXPERTS = (len(STEADY) + len(DRIFT_HALF_LIVES)) * len(SMOOTHING_BINS)
"""Number of experts without those for tip-offs, which are absent when no tip-offs are known."""
# One day's worth, so that five days of history already outweigh the configured window.
PRIOR_DAYS = 1.0
"""Weight of the prior (publication at any time of the configured window), in days of average weight."""
SCORED_DAYS = 28
"""Number of latest days whose predictions weigh the experts."""
CALIBRATION_DAYS = 14
"""Number of latest scored days whose predictions are compared with the observations."""
SWITCHING = 0.01
"""Share of the weights redistributed after each day, as for a source that changes its behavior every hundred days."""
SHARPNESS = (1.0, 1.4, 2.0)
"""Competing powers of a prediction: 1 leaves it unchanged, 2 makes a bell narrower by three tenths."""
SURROUNDINGS_BINS = 8.0
"""Standard deviation of the bell within which a prediction is narrowed: wider than a peak, narrower than the distance
between peaks."""
EXPLORATION = 0.03
"""Default share of the configured window in every prediction, so that no time of day is ruled out."""
ITERATIONS = 25
"""Iterations of EM, after which the plan no longer changes; a fixed number makes the fit a function of its data."""
# Instead of zero, whose logarithm and quotient are not finite: an expert that ruled out the observation must be able to
# recover.
MIN_MASS = 1e-6


class PublicationModel(Frozen):
    """Probabilities of a source's publication time within one day. Stored as JSON."""

    version: str = Field(description="hash of everything below")
    """Decisions name the version."""
    window_minutes: int = Field(gt=0, description="length of the window of the fit")
    bin_minutes: int = Field(default=BIN_MINUTES, gt=0)
    fitted_for: date = Field(description="the predicted game date")
    first_day: date | None = Field(description="first game date of the history; None without any")
    last_day: date | None = Field(description="last game date of the history")
    days: int = Field(ge=0, description="game dates in the history")
    early: float = Field(ge=0, le=1, description="probability of publication before the window opens")
    masses: tuple[float, ...] = Field(description="probability of publication within each bin of the window")
    never: float = Field(ge=0, le=1, description="probability of no publication before the window closes")
    calibration: float | None = Field(
        description="largest distance between predicted and observed share of days by quantile, over the last days; "
        "None while they are too few"
    )
    tip_off_weight: float | None = Field(
        default=None,
        description="weight of the estimates that move each day with its first tip-off; None without tip-offs",
    )


def fit(
    history: Sequence[PublicationInterval],
    fitted_for: date,
    window_minutes: int,
    *,
    explore: float = EXPLORATION,
    first_tip_off: float | None = None,
) -> PublicationModel:
    """Estimate the distribution for one game date from the days before it.

    history: at most one interval a game date; days on or after `fitted_for` are left out. Without any history the
    distribution is uniform over the window. explore: the share of the configured window in the result. first_tip_off:
    the game date's, in minutes of the window. The result is a function of the arguments alone.
    """
    days = sorted(history, key=lambda item: item.game_date)
    # Never the day itself: a prediction from its own observation would always be perfect.
    days = [item for item in days if item.game_date < fitted_for][-MAX_DAYS:]
    scored = days[-SCORED_DAYS:]
    targets = [*(item.game_date for item in scored), fitted_for]
    tips = (
        [*(item.first_tip_off for item in scored), first_tip_off]
        if has_tip_offs(days, first_tip_off)
        else None
    )
    predictions = list(predict(days, targets, window_minutes, tips))
    return combine(predictions, days, fitted_for, window_minutes, explore=explore)


def has_tip_offs(days: Sequence[PublicationInterval], first_tip_off: float | None) -> bool:
    """Return whether the first tip-offs of the target day and of at least one earlier day are known."""
    return first_tip_off is not None and any(item.first_tip_off is not None for item in days)


def predict(
    days: Sequence[PublicationInterval],
    targets: Sequence[date],
    window_minutes: int,
    tip_offs: Sequence[float | None] | None = None,
) -> "Array":
    """Estimate every expert's distribution for each target day from the days before it.

    tip_offs: the first tip-off of each target; without them the tip-off experts, which are the last, are absent.
    Returns targets by experts by cells. Cells are: before the window, each bin of it, never.
    """
    import numpy as np

    bins = math.ceil(window_minutes / BIN_MINUTES)
    prior = uniform(bins)
    # Without history, use the prior: any time in the window is equally likely.
    if not days:
        needing = 0 if tip_offs is None else len(TIP_OFF_HALF_LIVES) * len(SMOOTHING_BINS)
        return np.tile(prior, (len(targets), EXPERTS + needing, 1))
    arrays = _DayArrays(days)
    # Days on or after a target have weight zero for it, so that all targets share one matrix of days.
    ages = np.array([[(target - item.game_date).days for item in days] for target in targets], dtype=float)
    same = np.array([[item.game_date.weekday() == target.weekday() for item in days] for target in targets])
    steady = _weights(ages, same, STEADY)
    estimates = turnbull(_support(*arrays.ends(bins), bins), steady.reshape(-1, len(days)), prior)
    estimates = estimates.reshape(len(targets), -1, bins + 2)
    # Days moved along a trend have different cells for each target.
    moved = arrays.ends(bins, slopes(arrays.after, arrays.before, ages)[:, None] * ages)
    drifting = turnbull(
        _support(*moved, bins),
        _weights(ages, same, [(half_life, 1.0) for half_life in DRIFT_HALF_LIVES]),
        prior,
    )
    found = _smoothed(np.concatenate([estimates, drifting], axis=1), bins)
    if tip_offs is None:
        return found
    # Smoothed separately, so that the tip-off experts are the last.
    return np.concatenate([found, _smoothed(_with_tips(arrays, ages, tip_offs, prior), bins)], axis=1)


def _with_tips(
    arrays: "_DayArrays", ages: "Array", tip_offs: Sequence[float | None], prior: "Array"
) -> "Array":
    """Estimate from days moved by the difference of first tip-offs: targets by estimates by cells."""
    import numpy as np

    bins = len(prior) - 2
    tips = np.array([np.nan if tip is None else tip for tip in tip_offs])
    apart = tips[:, None] - arrays.first_tip_off[None, :]
    weights = _weights(ages, np.zeros_like(ages), [(half_life, 1.0) for half_life in TIP_OFF_HALF_LIVES])
    # Leave out a day without a tip-off, which cannot be moved; for a target without a tip-off move no day.
    usable = np.isfinite(apart) | np.isnan(tips)[:, None]
    ends = arrays.ends(bins, np.where(np.isfinite(apart), apart, 0.0))
    return turnbull(_support(*ends, bins), weights * usable[:, None, :], prior)


def combine(
    predictions: Sequence["Array"],
    days: Sequence[PublicationInterval],
    fitted_for: date,
    window_minutes: int,
    *,
    explore: float = EXPLORATION,
) -> PublicationModel:
    """Weigh the experts by their predictions of the last days, and build the model from their current predictions.

    predictions: those for the last `len(predictions) - 1` of `days`, and for `fitted_for`.
    """
    import numpy as np

    bins = math.ceil(window_minutes / BIN_MINUTES)
    scored = days[len(days) - len(predictions) + 1 :]
    support = np.array([support_of(item, bins) for item in scored]).reshape(len(scored), bins + 2)
    mixed, weights = _compete(predictions, support)
    blended = sharpen(mixed, support)
    predicted = (1 - explore) * blended + explore * uniform(bins)
    tip_off_weight = round(float(weights[EXPERTS:].sum()), 4) if len(weights) > EXPERTS else None
    calibration = miscalibration(predicted[:-1], support)
    return _model(predicted[-1], fitted_for, window_minutes, days, calibration, tip_off_weight)


def uniform(bins: int) -> "Array":
    """Return the configured window as a distribution: uniform within it, with little mass before it and on never."""
    import numpy as np

    # Some mass before the window and on never, since both happen to every source.
    return np.concatenate([[0.02], np.full(bins, 0.96 / bins), [0.02]])


def support_of(item: PublicationInterval, bins: int) -> "Array":
    """Mark the cells in which the document may have appeared. Cells: before the window, each bin, never."""
    return _support(*_DayArrays([item]).ends(bins), bins)[0]  # type: ignore[no-any-return]


class _DayArrays:
    """Days as arrays, in minutes of the window."""

    def __init__(self, days: Sequence[PublicationInterval]) -> None:
        import numpy as np

        self.after = np.array([-np.inf if item.after is None else item.after for item in days])
        self.before = np.array([np.inf if item.before is None else item.before for item in days])
        self.first_tip_off = np.array(
            [np.nan if item.first_tip_off is None else item.first_tip_off for item in days]
        )

    def ends(self, bins: int, shift: "Array | float" = 0.0) -> "tuple[Array, Array]":
        """Return the first and the last cell of each day, moved by minutes; days without publication stay so."""
        import numpy as np

        # A success at minute 5 includes bin 1, which ends there; at minute 0 it means the cell before the window.
        # A look within a bin leaves the whole bin open on either side, or its observation would move to later bins.
        width = BIN_MINUTES
        first = np.minimum(np.floor((self.after + shift) / width + 1e-9), bins) + 1
        last = np.clip(np.ceil((self.before + shift) / width - 1e-9), 0, bins)
        last = np.where(np.isposinf(self.before), bins + 1, last)
        return np.minimum(first, last), last


def _support(first: "Array", last: "Array", bins: int) -> "Array":
    import numpy as np

    cells = np.arange(bins + 2)
    inside = (first[..., None] <= cells) & (cells <= last[..., None])
    return inside.astype(float)


def _weights(ages: "Array", same: "Array", experts: Sequence[tuple[float, float]]) -> "Array":
    """Weigh the days before each target: targets by estimates by days."""
    import numpy as np

    rows = [0.5 ** (ages / half_life) * np.where(same, weekday, 1.0) for half_life, weekday in experts]
    # Only days before the target have an age above zero.
    return np.where(ages[:, None, :] > 0, np.stack(rows, axis=1), 0.0)


def turnbull(
    support: "Array",
    weights: "Array",
    prior: "Array",
    *,
    prior_days: float = PRIOR_DAYS,
    iterations: int = ITERATIONS,
) -> "Array":
    """Estimate the mass of each cell by EM, for every row of weights at once.

    support: days by cells, 1 where the document may have appeared. weights: fits by days. prior: by cell, of sum 1; it
    counts as `prior_days` further days of average weight. Returns fits by cells, each row of sum 1. All may have one
    additional leading dimension, for targets with days of their own.
    """
    import numpy as np

    weight = weights.sum(axis=-1, keepdims=True)
    day_count = np.maximum((weights > 0).sum(axis=-1, keepdims=True), 1)
    # The prior weighs as much as the expert's own average day, or it would dominate a fast expert, whose days weigh
    # little.
    pseudo = np.where(weight > 0, prior_days * weight / day_count, 1.0)
    totals = weight + pseudo
    masses = np.broadcast_to(prior, (*weights.shape[:-1], len(prior)))
    across = np.swapaxes(support, -1, -2)
    anew = pseudo * prior
    # One step of EM: each day's weight goes to the cells that its interval allows, in proportion to their masses so
    # far. In place: the arrays are small and many, and their allocation would take half the time.
    for _ in range(iterations):
        inside = masses @ across
        np.maximum(inside, MIN_MASS, out=inside)
        np.divide(weights, inside, out=inside)
        masses = masses * (inside @ support)
        masses += anew
        masses /= totals
    return masses


def _smoothed(masses: "Array", bins: int) -> "Array":
    """Smooth the bins of each estimate by each kernel; the first and the last cell stay unchanged."""
    import numpy as np

    inside = masses[..., 1:-1]
    rows = [
        np.concatenate([masses[..., :1], inside @ smoothing_kernel(bins, width), masses[..., -1:]], axis=-1)
        for width in SMOOTHING_BINS
    ]
    return np.concatenate(rows, axis=1)


@lru_cache(maxsize=256)
def smoothing_kernel(bins: int, width: float) -> "Array":
    """Return the matrix that smooths a row of bins by a bell of this standard deviation, in bins."""
    import numpy as np

    offsets = np.arange(bins)[:, None] - np.arange(bins)[None, :]
    kernel = np.exp(-0.5 * (offsets / width) ** 2)
    # Normalize the rows, so that mass near an end of the window stays within it.
    return kernel / kernel.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _compete(candidates: "Sequence[Array] | Array", scored: "Array") -> "tuple[Array, Array]":
    """Mix candidates for each target, weighted by their predictions of the scored days before it.

    Returns targets by cells, and the weights of the candidates for the last target.

    Bayes' rule with a fixed share (Herbster and Warmuth 1998): after each day a share of the weight is redistributed,
    so a candidate that was wrong for long can still become the best one.
    """
    import numpy as np

    # Equal weights at first.
    weights = np.full(len(candidates[0]), 1 / len(candidates[0]))
    mixed = []
    for number, candidate in enumerate(candidates):
        mixed.append(weights @ candidate)
        if number < len(scored):
            weights = weights * np.maximum(candidate @ scored[number], MIN_MASS)
            weights = (1 - SWITCHING) * weights / weights.sum() + SWITCHING / len(weights)
    return np.array(mixed), weights


def sharpen(blended: "Array", scored: "Array") -> "Array":
    """Narrow each prediction by a mix of powers, weighted by their predictions of the scored days before it.

    An average of experts is wider than the best expert, and an interval is wider than the instant in it, so the
    prediction for a punctual source is too wide without this correction.
    """
    import numpy as np

    # Narrow within the surroundings: each peak and the first and last cell keep their shares. A power of the whole
    # distribution would shift mass from broad peaks to narrow ones and to single cells.
    inside = np.maximum(blended[:, None, 1:-1], 1e-12)
    drawn = inside ** np.array(SHARPNESS)[None, :, None]
    around = smoothing_kernel(inside.shape[2], SURROUNDINGS_BINS)
    drawn *= (inside @ around) / (drawn @ around)
    drawn *= inside.sum(axis=2, keepdims=True) / drawn.sum(axis=2, keepdims=True)
    edges = np.broadcast_to(blended[:, None, :], (*drawn.shape[:2], blended.shape[1]))
    return _compete(np.concatenate([edges[..., :1], drawn, edges[..., -1:]], axis=2), scored)[0]


def miscalibration(predicted: "Array", scored: "Array") -> float | None:
    """Return the largest distance between the predicted share of days and the observed one, over all quantiles.

    predicted, scored: days by cells, a distribution and the marked support of each. None while the days are too few.
    """
    import numpy as np

    # With fewer days, chance alone exceeds MAX_MISCALIBRATION as easily as a bad model does.
    if len(scored) < CALIBRATION_DAYS:
        return None
    predicted, scored = predicted[-CALIBRATION_DAYS:], scored[-CALIBRATION_DAYS:]
    # The time of a day is unknown within its interval, so its quantile is spread over the interval.
    cumulated, numbers = np.cumsum(predicted, axis=1), np.arange(len(scored))
    first, last = scored.argmax(axis=1), scored.shape[1] - 1 - scored[:, ::-1].argmax(axis=1)
    lower, upper = cumulated[numbers, first] - predicted[numbers, first], cumulated[numbers, last]
    levels = np.linspace(0.05, 0.95, 19)
    span = np.maximum(upper - lower, MIN_MASS)
    observed = np.clip((levels[:, None] - lower[None, :]) / span[None, :], 0, 1).mean(axis=1)
    return round(float(np.abs(observed - levels).max()), 4)


def _model(
    masses: "Array",
    fitted_for: date,
    window_minutes: int,
    days: Sequence[PublicationInterval],
    calibration: float | None,
    tip_off_weight: float | None,
) -> PublicationModel:
    # Round before hashing: machines differ in the last digits of a float, and the version must not.
    rounded = [round(float(mass), 6) for mass in masses / masses.sum()]
    parts: dict[str, object] = {
        "window_minutes": window_minutes,
        "fitted_for": fitted_for,
        "first_day": days[0].game_date if days else None,
        "last_day": days[-1].game_date if days else None,
        "days": len(days),
        "early": rounded[0],
        "masses": tuple(rounded[1:-1]),
        "never": rounded[-1],
        "calibration": calibration,
    }
    if tip_off_weight is not None:
        parts["tip_off_weight"] = tip_off_weight
    version = hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:12]
    return PublicationModel.model_validate({"version": version, **parts})

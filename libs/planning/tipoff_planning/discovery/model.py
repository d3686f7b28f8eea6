"""Fit the distribution of a source's publication times to what the poller saw.

Publication times are known as intervals only, so the estimate is Turnbull's (1976) for interval-censored data, by EM
over bins of the window. Several such estimates compete, which differ in how fast they forget and in whether days of the
same weekday count for more, and in how far they smooth; each is weighted by how well it predicted the latest days. One
mechanism follows drift, a change overnight and weekday effects, and lets the data say which of them there is.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.steps import BIN_MINUTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MAX_DAYS = 120
"""Days of history that are read; older ones weigh less than a hundredth for every expert but the slowest."""
HALF_LIVES = (3.0, 12.0, 40.0)
"""Days after which a day counts half, one expert each."""
WEEKDAY_WEIGHTS = (1.0, 8.0)
"""How much more a day of the same weekday counts, for each half-life."""
SMOOTHING_BINS = (1.5, 3.5)
"""Standard deviations of the kernels that smooth each estimate, one expert each: the NPMLE puts its mass on few
bins, and a source that published at 17:10 yesterday may well do so at 17:20 today."""
PRIOR_DAYS = 1.0
"""Weight, in days, of the configured window: publication at any time in it."""
SCORED_DAYS = 14
"""Days whose prediction weighs the experts."""
SCORE_HALF_LIFE = 5.0
"""Days after which a prediction counts half for the weight of an expert."""
EXPLORATION = 0.03
"""Share of the configured window in every prediction unless told otherwise, so that no time of day is ruled out."""
ITERATIONS = 25
"""Of EM, which by then changes the plan no more; a fixed number makes the fit a function of its data alone."""
MIN_MASS = 1e-6


class PublicationModel(BaseModel):
    """When a source publishes, as probabilities of one day. Stored as JSON; a decision names its `version`."""

    model_config = ConfigDict(frozen=True)

    version: str = Field(description="hash of everything below")
    window_minutes: int = Field(gt=0, description="length of the window that it was fitted for")
    bin_minutes: int = Field(default=BIN_MINUTES, gt=0)
    fitted_for: date = Field(description="the game date that it predicts")
    first_day: date | None = Field(description="first game date of the history; None without any")
    last_day: date | None = Field(description="last game date of the history")
    days: int = Field(ge=0, description="game dates in the history")
    early: float = Field(ge=0, le=1, description="probability of publication before the window opens")
    masses: tuple[float, ...] = Field(description="probability of publication within each bin of the window")
    never: float = Field(ge=0, le=1, description="probability of none before the window closes")
    calibration: float | None = Field(
        description="largest distance between predicted and observed share of days by quantile, over the scored days; "
        "None while they are too few"
    )


def fit(
    history: Sequence[PublicationInterval],
    fitted_for: date,
    window_minutes: int,
    *,
    explore: float = EXPLORATION,
) -> PublicationModel:
    """Estimate the distribution for one game date from the days before it.

    history: at most one interval a game date; days on or after `fitted_for` are left out. Without any history the
    distribution is uniform over the window. explore: the share of the configured window in it. The result is a
    function of the arguments alone.
    """
    days = sorted(history, key=lambda item: item.game_date)
    days = [item for item in days if item.game_date < fitted_for][-MAX_DAYS:]
    scored = days[-SCORED_DAYS:]
    targets = [*(item.game_date for item in scored), fitted_for]
    predictions = [predict(days, target, window_minutes) for target in targets]
    return combine(predictions, days, fitted_for, window_minutes, explore=explore)


def predict(days: Sequence[PublicationInterval], target: date, window_minutes: int) -> "Array":
    """Estimate by every expert the distribution for a target day from the days before it: experts by cells.

    Cells are: before the window, each bin of it, never.
    """
    import numpy as np

    bins = math.ceil(window_minutes / BIN_MINUTES)
    prior = uniform(bins)
    before = [item for item in days if item.game_date < target]
    if not before:
        return np.tile(prior, (len(HALF_LIVES) * len(WEEKDAY_WEIGHTS) * len(SMOOTHING_BINS), 1))
    # Days of the same interval are one row, as days of a fixed beat mostly are.
    cells, row_of = np.unique([_ends(item, bins) for item in before], axis=0, return_inverse=True)
    support = np.array([_support(first, last, bins) for first, last in cells])
    weights = np.zeros((len(HALF_LIVES) * len(WEEKDAY_WEIGHTS), len(support)))
    np.add.at(weights.T, row_of.ravel(), _weights(before, target).T)
    return _smoothed(turnbull(support, weights, prior), bins)


def combine(
    predictions: Sequence["Array"],
    days: Sequence[PublicationInterval],
    fitted_for: date,
    window_minutes: int,
    *,
    explore: float = EXPLORATION,
) -> PublicationModel:
    """Weigh the experts by their predictions of the last days, and make the model of what they predict now.

    predictions: of the last `len(predictions) - 1` of `days`, and of `fitted_for`.
    """
    import numpy as np

    bins = math.ceil(window_minutes / BIN_MINUTES)
    scored = days[len(days) - len(predictions) + 1 :]
    support = np.array([support_of(item, bins) for item in scored]).reshape(len(scored), bins + 2)
    blended = _blend(predictions, support)
    predicted = (1 - explore) * blended + explore * uniform(bins)
    return _model(predicted[-1], fitted_for, window_minutes, days, _calibration(predicted[:-1], support))


def uniform(bins: int) -> "Array":
    """Return the configured window as a distribution: any time in it, hardly before it, hardly never."""
    import numpy as np

    return np.concatenate([[0.02], np.full(bins, 0.96 / bins), [0.02]])


def support_of(item: PublicationInterval, bins: int) -> "Array":
    """Mark the cells in which the document may have appeared: before the window, in each bin, never."""
    return _support(*_ends(item, bins), bins)


def _ends(item: PublicationInterval, bins: int) -> tuple[int, int]:
    # A look at minute 5 finds what appeared in bin 1, which ends there; one at minute 0 what was there before.
    first = 0 if item.after is None else min(bins, math.ceil(item.after / BIN_MINUTES - 1e-9)) + 1
    last = bins + 1 if item.before is None else min(bins, max(0, math.ceil(item.before / BIN_MINUTES - 1e-9)))
    return min(first, last), last


def _support(first: int, last: int, bins: int) -> "Array":
    import numpy as np

    cells = np.zeros(bins + 2)
    cells[first : last + 1] = 1.0
    return cells


def _weights(days: Sequence[PublicationInterval], target: date) -> "Array":
    """Weigh the days before a target, a row for each half-life and weekday weight."""
    import numpy as np

    ages = np.array([(target - item.game_date).days for item in days], dtype=float)
    same = np.array([item.game_date.weekday() == target.weekday() for item in days])
    rows = [
        0.5 ** (ages / half_life) * np.where(same, weekday, 1.0)
        for half_life in HALF_LIVES
        for weekday in WEEKDAY_WEIGHTS
    ]
    return np.array(rows)


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
    counts as `prior_days` further days. Returns fits by cells, each row of sum 1.
    """
    import numpy as np

    pseudo = prior_days * prior
    totals = weights.sum(axis=1, keepdims=True) + prior_days
    masses = np.tile(prior, (len(weights), 1))
    for _ in range(iterations):
        inside = np.maximum(masses @ support.T, MIN_MASS)
        masses = (masses * ((weights / inside) @ support) + pseudo) / totals
    return masses


def _smoothed(masses: "Array", bins: int) -> "Array":
    """Smooth the bins of each row by each kernel; what lies before the window and never stays what it is."""
    import numpy as np

    offsets = np.arange(bins)[:, None] - np.arange(bins)[None, :]
    rows = []
    for width in SMOOTHING_BINS:
        kernel = np.exp(-0.5 * (offsets / width) ** 2)
        # Columns are normalised so that mass near an end of the window stays within it.
        kernel /= kernel.sum(axis=0, keepdims=True)
        rows.append(np.concatenate([masses[:, :1], masses[:, 1:-1] @ kernel.T, masses[:, -1:]], axis=1))
    return np.concatenate(rows)


def _blend(predictions: Sequence["Array"], scored: "Array") -> "Array":
    """Weigh the experts for each target by how well they predicted the scored days before it: targets by cells."""
    import numpy as np

    scores = np.zeros(len(predictions[0]))
    decay = 0.5 ** (1 / SCORE_HALF_LIFE)
    blended = []
    for number, prediction in enumerate(predictions):
        share = np.exp(scores - scores.max())
        blended.append((share / share.sum()) @ prediction)
        if number < len(scored):
            scores = decay * scores + np.log(np.maximum(prediction @ scored[number], MIN_MASS))
    return np.array(blended)


def _calibration(predicted: "Array", scored: "Array") -> float | None:
    """Compare the quantiles at which the scored days fell with the shares that were predicted."""
    import numpy as np

    if len(scored) < SCORED_DAYS:
        return None
    # A day that is known as an interval only falls anywhere within it, so its quantile is spread over the interval.
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
) -> PublicationModel:
    rounded = [round(float(mass), 6) for mass in masses / masses.sum()]
    parts = {
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
    version = hashlib.sha256(repr(sorted(parts.items())).encode()).hexdigest()[:12]
    return PublicationModel.model_validate({"version": version, **parts})

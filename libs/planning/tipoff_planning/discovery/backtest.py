"""Replay of publication days under a policy, which observes only the results of its own looks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from statistics import fmean, quantiles
from types import MappingProxyType
from typing import TYPE_CHECKING

from tipoff_planning.discovery.intervals import PublicationHistory, PublicationInterval
from tipoff_planning.discovery.model import (
    EXPERTS,
    EXPLORATION,
    MAX_DAYS,
    SCORED_DAYS,
    PublicationModel,
    combine,
    has_tip_offs,
    predict,
)
from tipoff_planning.discovery.plans import find_fallback
from tipoff_planning.discovery.policy import Guards, plan, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NO_TIP_OFFS: Mapping[date, float] = MappingProxyType({})

Looks = Callable[[date], Sequence[float]]
"""A policy: for a day, the minutes of the window at which to look until found."""


@dataclass(frozen=True)
class PublicationTime:
    """The true publication time of one day's document."""

    game_date: date
    minute: float | None
    """Minutes after the opening of the window, negative before it; None without publication by its close."""


@dataclass(frozen=True)
class ReplayedDay:
    """One day of a replay."""

    game_date: date
    looks: int
    """Attempts of the day."""
    delay: float | None
    """Minutes from publication to discovery; None for a publication before the window or not found in it."""


@dataclass(frozen=True)
class ReplaySummary:
    """Delays and looks of one policy over the replayed days."""

    mean_delay: float
    p95_delay: float
    looks_per_day: float


class LearnedLooks:
    """The looks of the learned policy, with the same fallback to the fixed beat as in the controller.

    Gives the same plans as a new fit each day, but caches predictions of past days, which later days do not change.
    """

    def __init__(
        self,
        window_minutes: int,
        guards: Guards,
        fallback: Sequence[float],
        *,
        explore: float = EXPLORATION,
        tip_offs: Mapping[date, float] = NO_TIP_OFFS,
    ) -> None:
        """Begin without any day.

        tip_offs: the first tip-off by game date, in minutes of the window; only dates that have one.
        """
        self._window, self._guards, self._fallback = window_minutes, guards, fallback
        self._explore, self._tip_offs = explore, tip_offs
        self._days: list[PublicationInterval] = []
        self._predictions: dict[date, Array] = {}

    def model(self, day: date) -> PublicationModel:
        """Fit the model for a day to the days noted so far."""
        # As many days as the controller reads, so that the replay has no more information.
        days = self._days[-MAX_DAYS:]
        targets = [*(item.game_date for item in days[-SCORED_DAYS:]), day]
        # Predictions of earlier days do not change; without the cache a season takes minutes.
        for target in targets:
            if target not in self._predictions:
                tips = [self._tip_offs.get(target)] if self._tip_offs else None
                (self._predictions[target],) = predict(days, [target], self._window, tips)
        predictions = [self._predictions[target] for target in targets]
        if not has_tip_offs(days, self._tip_offs.get(day)):
            predictions = [prediction[:EXPERTS] for prediction in predictions]
        return combine(predictions, days, day, self._window, explore=self._explore)

    def __call__(self, day: date) -> Sequence[float]:
        """Return the minutes of the window at which the policy looks on a day."""
        model = self.model(day)
        if find_fallback(PublicationHistory(tuple(self._days)), model) is not None:
            return self._fallback
        return plan(widen(model), self._guards)

    def note(self, observed: PublicationInterval) -> None:
        """Record the interval observed on a day; days come in order."""
        self._days.append(replace(observed, first_tip_off=self._tip_offs.get(observed.game_date)))


def replay(
    published: Iterable[PublicationTime],
    looks: Looks,
    note: Callable[[PublicationInterval], None] = lambda _: None,
) -> list[ReplayedDay]:
    """Replay each day's looks until found, and pass the observed interval to `note`."""
    days = []
    for day in published:
        count, after, before = 0, None, None
        for minute in looks(day.game_date):
            count += 1
            # Found: the search ends for the day, as in production.
            if day.minute is not None and minute >= day.minute:
                before = minute
                break
            after = minute
        note(PublicationInterval(day.game_date, after, before))
        # The delay of a document published before the window does not depend on the policy.
        counted = day.minute is not None and day.minute >= 0 and before is not None
        delay = before - day.minute if counted and before is not None and day.minute is not None else None
        days.append(ReplayedDay(day.game_date, count, delay))
    return days


def summarize(days: Sequence[ReplayedDay]) -> ReplaySummary:
    """Summarize delays and looks over the days whose delay counts."""
    counted = [day for day in days if day.delay is not None]
    delays = [day.delay for day in counted if day.delay is not None]
    # A percentile needs two values.
    if len(delays) < 2:
        return ReplaySummary(0.0, 0.0, 0.0)
    return ReplaySummary(
        fmean(delays),
        quantiles(delays, n=20, method="inclusive")[-1],
        fmean(day.looks for day in counted),
    )

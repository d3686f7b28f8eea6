"""The checks of one search on one day: learned with enough history, else none, with the reason for the fixed beat.

A plan is a function of its arguments. It is computed once, before the window opens, and stored: a decision names its
model, which leads back to the days of the fit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.words import pluralize
from tipoff_planning.discovery.intervals import PublicationHistory, PublicationInterval
from tipoff_planning.discovery.model import MAX_DAYS, PublicationModel, fit
from tipoff_planning.discovery.policy import Guards, expect, plan, widen
from tipoff_planning.discovery.steps import BIN_MINUTES
from tipoff_planning.frozen import Frozen

MIN_DAYS = 5
"""Fewest days of history for learned checks: among fewer days, one odd day would count for over a fifth."""
RECENT_DAYS = 60
"""Age in days within which MIN_DAYS have to lie: a source may change over a summer. A weekly search has eight."""
SILENT_DAYS = 14
"""Number of newest days without publication that leaves nothing to learn; all days if fewer are known."""
CONTRADICTORY_SHARE = 0.25
"""Share of contradictory days among the recent ones above which the rows, or their clocks, are not trusted."""
MAX_MISCALIBRATION = 0.42
"""Distance of predicted from observed shares above which a model is not used: with 14 scored days, a correct model
exceeds it in one case of a hundred (the critical value of Kolmogorov and Smirnov for n = 14)."""


_ROUNDING = 1e-6
"""Tolerance in minutes: a model's probabilities are stored with six digits."""


class Fallback(StrEnum):
    """Reason why a learned search keeps to the fixed beat on a day."""

    FEW_DAYS = "few_days"
    STALE = "stale"
    CONTRADICTORY = "contradictory"
    WINDOW_CHANGED = "window_changed"
    SILENT = "silent"
    POORLY_CALIBRATED = "poorly_calibrated"
    DAY_BEGUN = "day_begun"
    HISTORY_UNAVAILABLE = "history_unavailable"


class Purpose(StrEnum):
    """Reason for a planned check."""

    LIKELY = "likely"
    """Publication since the previous check is likely enough to be worth an attempt."""
    MAX_GAP = "max_gap"
    """The longest allowed time without a check is over."""
    WINDOW_END = "window_end"
    """The window closes: the check finds everything published in it."""


PURPOSES: Mapping[Purpose, str] = {
    Purpose.LIKELY: "likely to be published",
    Purpose.MAX_GAP: "longest allowed gap",
    Purpose.WINDOW_END: "the window closes",
}
"""Each purpose in words, for reasons and pictures."""


class PlannedCheck(Frozen):
    """One time at which to look, unless the document was found before."""

    minute: int = Field(ge=0, description="minutes after the window opens")
    purpose: Purpose = Field(description="reason for the check")
    probability: float = Field(ge=0, le=1, description="share of days on which this check finds the document")


class DiscoveryPlan(Frozen):
    """Checks of a learned search on one day, with their reasons. Without checks the search keeps its fixed beat."""

    version: Literal[1] = 1
    workflow: str
    day: date = Field(description="the business day of the checks")
    game_date: date = Field(description="the date that the document is about")
    opens: Instant = Field(description="when the window opens")
    window_minutes: int = Field(gt=0, description="length of the window")
    budget: int = Field(ge=1, description="most checks of the day: the attempts of the fixed beat")
    price_per_attempt: float = Field(
        ge=0, description="minutes of delay that cost as much as one more attempt"
    )
    max_gap_minutes: int = Field(ge=1, description="longest time without a check")
    explore: float = Field(ge=0, le=1, description="share of the configured window in the model")
    fallback: Fallback | None = Field(
        description="why the fixed beat is kept; null when the checks are learned"
    )
    detail: str = Field(description="the reason in words; empty when the checks are learned")
    checks: tuple[PlannedCheck, ...] = Field(description="ascending; empty on the fixed beat")
    expected_delay_minutes: float | None = Field(
        description="from publication to the check that finds it, on a day that publishes in the window"
    )
    expected_checks: float | None = Field(description="checks until the document is found")
    model: PublicationModel | None = Field(description="null when no history was read")
    history: tuple[PublicationInterval, ...] = Field(description="the days of the fit")
    planned_at: Instant

    @property
    def learned(self) -> bool:
        """Whether the day follows the checks rather than the fixed beat."""
        return self.fallback is None

    @property
    def closes(self) -> datetime:
        """The close of the window."""
        return self.opens + timedelta(minutes=self.window_minutes)

    def at(self, check: PlannedCheck) -> datetime:
        """Return the instant of a check."""
        return self.opens + timedelta(minutes=check.minute)

    def number(self, instant: datetime) -> int | None:
        """Return the number of the check planned for an instant, counted from 1; None without one."""
        return next((n for n, check in enumerate(self.checks, 1) if self.at(check) == instant), None)

    def quantile(self, share: float) -> datetime | None:
        """Return the instant by which this share of the days that publish has published.

        None without a model. The opening stands for all times before the window, which the model does not resolve.
        """
        if self.model is None:
            return None
        reached, target = self.model.early, share * (1 - self.model.never)
        # Published before the window opened.
        if reached >= target:
            return self.opens
        for number, mass in enumerate(self.model.masses):
            if reached + mass >= target:
                minutes = (number + (target - reached) / mass) * self.model.bin_minutes
                return min(self.closes, self.opens + timedelta(minutes=round(minutes)))
            reached += mass
        return self.closes


DiscoveryPlans = Mapping[tuple[str, date], DiscoveryPlan]
"""By workflow and business day. A day without a plan keeps the fixed beat."""
NO_PLANS: DiscoveryPlans = MappingProxyType({})


def due_checks(plans: DiscoveryPlans, tick: datetime, cadence: timedelta) -> frozenset[str]:
    """Return the workflows with a learned check since the previous tick, `cadence` earlier."""
    return frozenset(
        plan.workflow
        for plan in plans.values()
        # Exclusive at the earlier end, so that a check belongs to exactly one tick.
        if any(tick - cadence < plan.at(check) <= tick for check in plan.checks)
    )


@dataclass(frozen=True)
class Search:
    """The input of a plan: one search on one day, within its guards."""

    workflow: str
    day: date
    game_date: date
    opens: datetime
    window_minutes: int
    guards: Guards
    explore: float

    @property
    def first_look_by(self) -> float:
        """The minute by which both the checks and the fixed beat have looked once, with an allowance for late ticks."""
        return self.guards.max_gap + 3 * BIN_MINUTES


def plan_day(search: Search, history: PublicationHistory, planned_at: datetime) -> DiscoveryPlan:
    """Fit the model for a day to the days before it, and plan the day's checks or the fallback to the fixed beat."""
    prior = history.before(search.game_date)
    model = fit(
        prior.intervals,
        search.game_date,
        search.window_minutes,
        explore=search.explore,
        first_tip_off=prior.first_tip_off,
    )
    reason = find_fallback(prior, model)
    if reason is not None:
        return _plan(search, planned_at, reason, model=model, history=prior)
    # Plan with the widened model, but describe the checks with the fitted one: the widening adds caution and no
    # knowledge.
    wide = widen(model)
    minutes = plan(wide, search.guards)
    return _plan(
        search,
        planned_at,
        None,
        model=model,
        history=prior,
        checks=tuple(_checks(minutes, model, wide, search.guards)),
        # Expected values come from the fitted model as well.
        expected=expect(model, minutes),
    )


def keep_beat(search: Search, fallback: Fallback, detail: str, planned_at: datetime) -> DiscoveryPlan:
    """Plan a day on the fixed beat, without any history."""
    return _plan(search, planned_at, (fallback, detail))


def find_fallback(history: PublicationHistory, model: PublicationModel) -> tuple[Fallback, str] | None:
    """Return why the fixed beat is kept, with a phrase for people; None when the model can be used.

    history: the days before the one that the model was fitted for. The first reason that holds is returned, the most
    basic first: faulty rows explain a model that predicts badly, and not the reverse.
    """
    day = model.fitted_for
    # Only the last two months count: the source's behavior in spring is no guide for autumn.
    newest = [item for item in history.intervals if (day - item.game_date).days <= RECENT_DAYS]
    odd = [item for item in history.contradictory if (day - item).days <= RECENT_DAYS]
    moved = [item for item in history.elsewhere if (day - item).days <= RECENT_DAYS]
    if history.days < MIN_DAYS:
        return Fallback.FEW_DAYS, f"{pluralize(history.days, 'known day')}, and {MIN_DAYS} are needed"
    if (recent := len(newest) + len(odd) + len(moved)) < MIN_DAYS:
        known = f"{recent} of {pluralize(history.days, 'known day')}"
        detail = f"{known} lie in the last {RECENT_DAYS} days, and {MIN_DAYS} are needed"
        return Fallback.STALE, detail
    if len(odd) > CONTRADICTORY_SHARE * recent:
        detail = f"the rows of {len(odd)} of {recent} days contradict each other or the clock, {max(odd)} the newest"
        return Fallback.CONTRADICTORY, detail
    if len(newest) < MIN_DAYS:
        detail = f"{pluralize(len(newest), 'day')} checked in today's window, {len(moved)} in another"
        return Fallback.WINDOW_CHANGED, detail
    # A fit to a source that has stopped publishing would reflect only its past.
    last = newest[-SILENT_DAYS:]
    if all(item.before is None for item in last):
        return Fallback.SILENT, f"nothing was published on any of the last {len(last)} days"
    if model.calibration is not None and model.calibration > MAX_MISCALIBRATION:
        off = round(100 * model.calibration)
        return Fallback.POORLY_CALIBRATED, f"its predictions of the last days are off by {off} points"
    return None


def _checks(
    minutes: tuple[int, ...], model: PublicationModel, wide: PublicationModel, guards: Guards
) -> Iterator[PlannedCheck]:
    cells, planned = [model.early, *model.masses], [wide.early, *wide.masses]
    # `last` is the cell of the previous check; it starts at -1, as the first check also covers cell 0, the time before
    # the window.
    last, unseen = -1, 1.0
    for number, minute in enumerate(minutes):
        # The window's end need not be a multiple of a bin; the check there ends the last bin.
        cell = min(-(-minute // model.bin_minutes), len(model.masses))
        found = sum(planned[last + 1 : cell + 1])
        # The last check is always made: the search has to end with a result.
        if number + 1 == len(minutes):
            purpose = Purpose.WINDOW_END
        else:
            # Without this check, its finds would wait for the next one. If that delay costs less than the attempts
            # that find nothing, only the longest allowed gap requires the check.
            saved = found * (minutes[number + 1] - minute)
            wasted = guards.price * (unseen - found)
            purpose = Purpose.LIKELY if saved >= wasted - _ROUNDING else Purpose.MAX_GAP
        probability = round(min(1.0, sum(cells[last + 1 : cell + 1])), 4)
        yield PlannedCheck(minute=minute, purpose=purpose, probability=probability)
        last, unseen = cell, unseen - found


def _plan(
    search: Search,
    planned_at: datetime,
    reason: tuple[Fallback, str] | None,
    *,
    model: PublicationModel | None = None,
    history: PublicationHistory | None = None,
    checks: tuple[PlannedCheck, ...] = (),
    expected: tuple[float | None, float | None] = (None, None),
) -> DiscoveryPlan:
    return DiscoveryPlan(
        workflow=search.workflow,
        day=search.day,
        game_date=search.game_date,
        opens=search.opens,
        window_minutes=search.window_minutes,
        budget=search.guards.budget,
        price_per_attempt=search.guards.price,
        max_gap_minutes=search.guards.max_gap,
        explore=search.explore,
        fallback=reason[0] if reason else None,
        detail=reason[1] if reason else "",
        checks=checks,
        expected_delay_minutes=expected[0],
        expected_checks=expected[1],
        model=model,
        # Stored in the plan, so that the days behind a decision stay known after their rows have expired.
        history=history.intervals[-MAX_DAYS:] if history else (),
        planned_at=planned_at,
    )

"""The gain of learned discovery on a search's own history, in figures.

The history has publication intervals only, so each day's time is drawn from its interval several times, and both
policies are replayed on the same draws. A coarse beat leaves wide intervals, on which learning gains less than it would
on the real times.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import Field

from tipoff_common.words import pluralize
from tipoff_planning.discovery.backtest import LearnedLooks, PublicationTime, ReplaySummary, replay, summarize
from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.policy import Guards
from tipoff_planning.frozen import Frozen

if TYPE_CHECKING:
    from tipoff_planning.discovery.intervals import PublicationHistory
    from tipoff_planning.discovery.plans import Search

MIN_ADVICE_DAYS = 20
"""Fewest days for advice: five on the beat, and a fortnight to compare."""
PRICES = (1.0, 2.0, 3.5, 5.0, 8.0, 15.0)
"""Prices of an attempt in minutes of delay: from almost nothing to a quarter of an hour."""
DRAWS = 3
"""Draws of each day's time from its interval: with 90 days, their mean delay then varies by less than a minute."""
WORTHWHILE = 0.8
"""Share of the beat's delay up to which learning is advised; a smaller gain is within the variation of a season."""


class Figures(Frozen):
    """Delay and attempts of one policy, over the days with a publication in the window."""

    mean_delay_minutes: float
    p95_delay_minutes: float
    attempts_per_day: float


class PricedFigures(Figures):
    """Figures of the learned policy at one price."""

    price_per_attempt: float


class Advice(Frozen):
    """Advice whether a search should learn."""

    workflow: str
    days: int = Field(description="days of its history usable for learning")
    first_day: date | None
    last_day: date | None
    resolution_minutes: float | None = Field(
        description="mean length of the publication intervals in the history"
    )
    fixed: Figures | None = Field(description="null while the days are too few")
    learned: tuple[PricedFigures, ...] = Field(description="by price, ascending")
    price_per_attempt: float | None = Field(description="the price to configure; null when fixed is advised")
    sentence: str


def advise(
    search: "Search",
    history: "PublicationHistory",
    beat: Sequence[float],
    progressed: Callable[[float], None] = lambda _: None,
) -> Advice:
    """Replay a search's own history on its fixed beat and on learned checks, and advise one of them.

    beat: the minutes of the window at which the fixed beat looks. progressed: called with each finished price.
    """
    # Without today, whose interval may still become shorter.
    days = [item for item in history.intervals if item.game_date < search.game_date]
    widths = [
        # Only days with a find: the others have no interval to compare delays on.
        item.before - (item.after or 0.0)
        for item in days
        if item.before is not None and item.before > 0
    ]
    facts = {
        "workflow": search.workflow,
        "days": len(days),
        "first_day": days[0].game_date if days else None,
        "last_day": days[-1].game_date if days else None,
        "resolution_minutes": round(fmean(widths), 1) if widths else None,
    }
    if len(widths) < MIN_ADVICE_DAYS:
        why = f"{pluralize(len(widths), 'day')} with a known publication, and {MIN_ADVICE_DAYS} are needed to compare"
        return Advice(
            **facts, fixed=None, learned=(), price_per_attempt=None, sentence=f"Stay with fixed: {why}."
        )
    tip_offs = {item.game_date: item.first_tip_off for item in days if item.first_tip_off is not None}
    # The same draws for every price and the beat: differences come from the policy and not from chance.
    drawn = [_draw(days, number) for number in range(DRAWS)]
    fixed = _figures([summarize(replay(published, lambda _: beat)) for published in drawn])
    priced = []
    for price in PRICES:
        priced.append(
            _learned(
                drawn, search, Guards(search.guards.budget, price, search.guards.max_gap), beat, tip_offs
            )
        )
        progressed(price)
    # No more attempts than the beat; the 2 % are the difference between two replays of one history.
    affordable = [item for item in priced if item.attempts_per_day <= 1.02 * fixed.attempts_per_day]
    # Never more requests than today: a source may block a fleet that requests more often.
    best = min(affordable, key=lambda item: item.mean_delay_minutes, default=None)
    if best is None or best.mean_delay_minutes > WORTHWHILE * fixed.mean_delay_minutes:
        # Show figures even when learning is not worth it, so that people see how far off it is.
        near = best or min(priced, key=lambda item: item.attempts_per_day)
        sentence = f"Stay with fixed: {_compared(near, fixed)}, too small a gain."
        return Advice(**facts, fixed=fixed, learned=tuple(priced), price_per_attempt=None, sentence=sentence)
    sentence = f"Learn: {_compared(best, fixed)}."
    return Advice(
        **facts,
        fixed=fixed,
        learned=tuple(priced),
        price_per_attempt=best.price_per_attempt,
        sentence=sentence,
    )


def _compared(learned: PricedFigures, fixed: Figures) -> str:
    return (
        f"data would have been found {learned.mean_delay_minutes:g} minutes after publication on average instead of"
        f" {fixed.mean_delay_minutes:g}, at {learned.attempts_per_day:g} attempts a day instead of"
        f" {fixed.attempts_per_day:g}"
    )


def _learned(
    drawn: Sequence[Sequence[PublicationTime]],
    search: "Search",
    guards: Guards,
    beat: Sequence[float],
    tip_offs: Mapping[date, float],
) -> PricedFigures:
    summaries = []
    for published in drawn:
        looks = LearnedLooks(search.window_minutes, guards, beat, explore=search.explore, tip_offs=tip_offs)
        summaries.append(summarize(replay(published, looks, looks.note)))
    figures = _figures(summaries)
    return PricedFigures(**figures.model_dump(), price_per_attempt=guards.price)


def _figures(summaries: Sequence[ReplaySummary]) -> Figures:
    return Figures(
        mean_delay_minutes=round(fmean(item.mean_delay for item in summaries), 1),
        p95_delay_minutes=round(fmean(item.p95_delay for item in summaries), 1),
        attempts_per_day=round(fmean(item.looks_per_day for item in summaries), 2),
    )


def _draw(days: Sequence[PublicationInterval], number: int) -> list[PublicationTime]:
    """Draw each day's publication time from its interval; the same number gives the same draw."""
    published = []
    for item in days:
        luck = Random(f"{item.game_date}/{number}")  # noqa: S311  # a simulation, not a secret
        minute: float | None
        if item.before is None:
            minute = None
        elif item.before <= 0:
            # A document found at the opening was published before it, and its delay does not count.
            minute = -1.0
        else:
            # A document found by the first look appeared between the opening and that look.
            after = item.after or 0.0
            minute = after + (item.before - after) * luck.random()
        published.append(PublicationTime(item.game_date, minute))
    return published

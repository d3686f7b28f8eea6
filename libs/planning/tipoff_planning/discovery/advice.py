"""The gain that learned discovery would have brought on a search's own history, in figures.

The history tells publication as intervals only, so each day's time is drawn from its interval, several times over; both
ways of looking are replayed on the same draws. A coarse beat leaves wide intervals, on which learning shows less than
it would on the real times.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from pydantic import Field

from tipoff_common.words import pluralize
from tipoff_planning.discovery.backtest import LearnedLooks, Published, ReplaySummary, replay, summarize
from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.policy import Guards
from tipoff_planning.frozen import Frozen

if TYPE_CHECKING:
    from tipoff_planning.discovery.intervals import PublicationHistory
    from tipoff_planning.discovery.plans import Search

MIN_ADVICE_DAYS = 20
"""Days below which there is no advice: five on the beat, and a fortnight to compare."""
PRICES = (1.0, 2.0, 3.5, 5.0, 8.0, 15.0)
"""Minutes of delay an attempt: from one that hardly counts to a quarter of an hour."""
DRAWS = 3
"""Of each day's time from its interval: of 90 days the mean delay then varies by less than a minute."""
WORTHWHILE = 0.8
"""Share of the beat's delay at which learning is advised; what is nearer to it is within what a season changes."""


class Figures(Frozen):
    """Delay and attempts of one policy, over days on which the source published in the window."""

    mean_delay_minutes: float
    p95_delay_minutes: float
    attempts_per_day: float


class PricedFigures(Figures):
    """Figures of the learned policy at one price."""

    price_per_attempt: float


class Advice(Frozen):
    """Advice whether a search should learn."""

    workflow: str
    days: int = Field(description="days of its history that can be learned from")
    first_day: date | None
    last_day: date | None
    resolution_minutes: float | None = Field(
        description="mean length of the intervals that the history tells"
    )
    fixed: Figures | None = Field(description="null while the days are too few")
    learned: tuple[PricedFigures, ...] = Field(description="by price, ascending")
    price_per_attempt: float | None = Field(
        description="the price to write down; null where fixed is advised"
    )
    sentence: str


def advise(
    search: "Search",
    history: "PublicationHistory",
    beat: Sequence[float],
    progressed: Callable[[float], None] = lambda _: None,
) -> Advice:
    """Replay a search's own history on its fixed beat and on learned checks, and say which to use.

    beat: the minutes of the window at which the fixed beat looks. progressed: told of each price that is done.
    """
    # Today is not over, so its interval may still become shorter.
    days = [item for item in history.intervals if item.game_date < search.game_date]
    widths = [
        # Only days on which it was found: the others have no interval to compare delays on.
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
        why = f"{pluralize(len(widths), 'day')} with a publication known, and it takes {MIN_ADVICE_DAYS} to compare"
        return Advice(
            **facts, fixed=None, learned=(), price_per_attempt=None, sentence=f"Stay with fixed: {why}."
        )
    tip_offs = {item.game_date: item.first_tip_off for item in days if item.first_tip_off is not None}
    # The same draws for every price and the beat: differences are those of the policy and not of luck.
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
    # No more attempts than the beat takes; the limit is what two replays of one history differ by.
    affordable = [item for item in priced if item.attempts_per_day <= 1.02 * fixed.attempts_per_day]
    # Never more requests than today: a source that is asked more often may block the fleet.
    best = min(affordable, key=lambda item: item.mean_delay_minutes, default=None)
    if best is None or best.mean_delay_minutes > WORTHWHILE * fixed.mean_delay_minutes:
        # Some figures are shown even when none is worth it, so that a person sees how far off it is.
        near = best or min(priced, key=lambda item: item.attempts_per_day)
        sentence = f"Stay with fixed: {_compared(near, fixed)}, which is not worth it."
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
        f"it would have been found {learned.mean_delay_minutes:g} minutes after publication on average instead of"
        f" {fixed.mean_delay_minutes:g}, at {learned.attempts_per_day:g} attempts a day instead of"
        f" {fixed.attempts_per_day:g}"
    )


def _learned(
    drawn: Sequence[Sequence[Published]],
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


def _draw(days: Sequence[PublicationInterval], number: int) -> list[Published]:
    """Draw each day's publication from its interval; the same number gives the same draw."""
    published = []
    for item in days:
        luck = Random(f"{item.game_date}/{number}")  # noqa: S311  # luck, not a secret
        minute: float | None
        if item.before is None:
            minute = None
        elif item.before <= 0:
            # What the first look at the opening found was there before, and its delay does not count.
            minute = -1.0
        else:
            # What the first look found appeared between the opening and that look.
            after = item.after or 0.0
            minute = after + (item.before - after) * luck.random()
        published.append(Published(item.game_date, minute))
    return published

"""Tests of the replay of a search strategy on days of publication."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tipoff_planning.discovery.backtest import (
    LearnedLooks,
    PublicationTime,
    ReplayedDay,
    ReplaySummary,
    replay,
    summarize,
)
from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.model import fit
from tipoff_planning.discovery.policy import Guards, plan, widen

FIRST = date(2025, 1, 6)
BEAT = (0.0, 30.0, 60.0)
GUARDS = Guards(budget=17, price=3.5, max_gap=60)


@pytest.mark.parametrize(
    ("published", "looks", "after", "before", "delay"),
    [
        (40.0, 3, 30.0, 60.0, 20.0),
        (30.0, 2, 0.0, 30.0, 0.0),
        (0.0, 1, None, 0.0, 0.0),
        (-5.0, 1, None, 0.0, None),
        (61.0, 3, 60.0, None, None),
        (None, 3, 60.0, None, None),
    ],
    ids=["between looks", "at a look", "at the opening", "before it", "after the last look", "never"],
)
def test_replayed_day_is_checked_until_document_is_found(
    published: float | None, looks: int, after: float | None, before: float | None, delay: float | None
) -> None:
    seen: list[PublicationInterval] = []
    days = replay([PublicationTime(FIRST, published)], lambda _: BEAT, seen.append)
    assert days == [ReplayedDay(FIRST, looks, delay)]
    assert seen == [PublicationInterval(FIRST, after, before)]


def test_days_without_delay_are_excluded_from_average() -> None:
    days = [ReplayedDay(FIRST, looks, delay) for looks, delay in ((2, 10.0), (9, None), (4, 30.0))]
    assert summarize(days) == ReplaySummary(20.0, 29.0, 3.0)
    assert summarize(days[:2]) == ReplaySummary(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "tipped", [(), range(8), range(1, 9)], ids=["no tip-offs", "not of the day", "all but one"]
)
def test_replay_plans_like_controller(tipped: range | tuple[()]) -> None:
    tip_offs = {FIRST + timedelta(days=number): 200.0 + 20 * number for number in tipped}
    looks = LearnedLooks(120, GUARDS, BEAT, explore=0.1, tip_offs=tip_offs)
    days: list[PublicationInterval] = []
    for number in range(8):
        day = FIRST + timedelta(days=number)
        model = looks.model(day)
        fitted = fit(days, day, 120, explore=0.1, first_tip_off=tip_offs.get(day))
        # The first day has no history; a fit smooths its model and a replay does not.
        assert model.masses == pytest.approx(fitted.masses, abs=3e-3)
        assert (model.tip_off_weight is None) == (fitted.tip_off_weight is None)
        assert looks(day) == (BEAT if number < 5 else plan(widen(model), GUARDS))
        seen = PublicationInterval(day, 30.0 + 5 * (number % 2), 40.0 + 5 * (number % 2))
        looks.note(seen)
        days.append(replace(seen, first_tip_off=tip_offs.get(day)))

"""Tests of the distribution of publication times, fitted to a search's checks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.publications import FIRST, WINDOW, seen
from tipoff_planning.discovery.backtest import LearnedLooks, PublicationTime, replay
from tipoff_planning.discovery.intervals import PublicationInterval
from tipoff_planning.discovery.model import (
    EXPERTS,
    PublicationModel,
    fit,
    miscalibration,
    predict,
    sharpen,
    smoothing_kernel,
    support_of,
    turnbull,
    uniform,
)
from tipoff_planning.discovery.policy import Guards
from tipoff_planning.discovery.steps import BIN_MINUTES

BINS = WINDOW // BIN_MINUTES


def mass(model: PublicationModel, start: float, end: float) -> float:
    return sum(model.masses[int(start // BIN_MINUTES) : int(end // BIN_MINUTES)])


def after(days: int) -> date:
    return FIRST + timedelta(days=days)


def test_model_without_history_is_uniform() -> None:
    model = fit([], FIRST, WINDOW)
    assert (model.days, model.first_day, model.calibration) == (0, None, None)
    assert max(model.masses) == pytest.approx(min(model.masses))


def test_calibration_requires_enough_predictions() -> None:
    calibration = fit(seen([70.0 + 3 * (day % 5) for day in range(20)]), after(20), WINDOW).calibration
    assert calibration is not None
    assert 0 < calibration == round(calibration, 4) < 1
    assert fit(seen([70.0] * 3), after(3), WINDOW).calibration is None


def days_in(*cells: tuple[int, int], of: int = 12) -> np.ndarray:
    """Mark for each day the cells from the first to the last."""
    numbers = np.arange(of)
    return np.array([(first <= numbers) & (numbers <= last) for first, last in cells], dtype=float)


EVEN = np.array([0.0, *[0.1] * 10, 0.0])
"""A distribution with ten equally likely cells."""


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # Days that cover every time cannot contradict a prediction.
        ([(1, 10)] * 14, 0.0),
        # All days in the first tenth: at that quantile all are published, and a tenth was predicted.
        ([(1, 1)] * 14, 0.9),
        ([(10, 10)] * 14, 0.9),
        # All days from the end of the second tenth to the half: there all are published, and half was predicted.
        ([(3, 5)] * 14, 0.5),
        # Half of the days in the first tenth, the others at any time.
        ([(1, 1), (1, 10)] * 7, 0.45),
        # Only the newest fortnight counts.
        ([(1, 1)] * 5 + [(1, 10)] * 14, 0.0),
    ],
)
def test_miscalibration_is_the_largest_distance_of_a_quantile(
    cells: list[tuple[int, int]], expected: float
) -> None:
    assert miscalibration(np.array([EVEN] * len(cells)), days_in(*cells)) == pytest.approx(expected)


def test_a_sharp_source_is_learned_in_a_week() -> None:
    model = fit(seen([70.0] * 7), after(7), WINDOW)
    assert mass(model, 45, 105) > 0.6


def test_drifting_source_is_followed() -> None:
    drifting = [60.0 + 2 * day for day in range(90)]
    assert mass(fit(seen(drifting), after(90), WINDOW), 200, 280) > 0.6


def test_a_change_overnight_is_learned_within_five_days() -> None:
    model = fit(seen([60.0] * 60 + [300.0] * 5), after(65), WINDOW)
    assert mass(model, 260, 340) > 0.5


def test_weekday_with_other_publication_time_is_learned() -> None:
    def minute(day: int) -> float:
        return 300.0 if after(day).weekday() == 6 else 60.0

    history = seen([minute(day) for day in range(84)])
    sunday, monday = after(90), after(84)
    assert (sunday.weekday(), monday.weekday()) == (6, 0)
    on_sunday, on_monday = fit(history, sunday, WINDOW), fit(history, monday, WINDOW)
    assert mass(on_sunday, 260, 340) > 0.5
    assert mass(on_monday, 30, 100) > 0.6


def test_silent_days_raise_probability_of_no_publication() -> None:
    model = fit(seen([60.0, None] * 20), after(40), WINDOW)
    assert 0.25 < model.never < 0.75


def test_single_day_of_history_shifts_the_model() -> None:
    """A single day weighs as much as the configured window."""
    assert mass(fit(seen([70.0]), after(1), WINDOW), 60, 90) > 3 * mass(fit([], after(1), WINDOW), 60, 90)


@given(st.lists(st.floats(0, 480), max_size=20), st.floats(0, 1))
@settings(max_examples=examples(20))
def test_exploration_is_the_weight_of_the_uniform_distribution(minutes: list[float], explore: float) -> None:
    learned, mixed = (
        fit(seen(minutes), after(len(minutes)), WINDOW, explore=share) for share in (0.0, explore)
    )
    expected = [
        (1 - explore) * known + explore * any_time
        for known, any_time in zip(
            (learned.early, *learned.masses, learned.never), uniform(BINS), strict=True
        )
    ]
    assert (mixed.early, *mixed.masses, mixed.never) == pytest.approx(expected, abs=2e-6)


def test_fit_ignores_target_day_and_later_days() -> None:
    history = seen([60.0] * 10 + [300.0] * 10)
    assert fit(history, after(10), WINDOW) == fit(history[:10], after(10), WINDOW)


def test_model_version_depends_on_content_only() -> None:
    history = seen([60.0] * 10)
    assert fit(history, after(10), WINDOW).version == fit(list(reversed(history)), after(10), WINDOW).version
    assert fit(history, after(10), WINDOW).version != fit(history, after(11), WINDOW).version
    assert len(fit(history, after(10), WINDOW).version) == 12


def test_model_numbers_are_rounded() -> None:
    model = fit(with_tips(seen([60.0, 80.0] * 5)), after(10), WINDOW, first_tip_off=180.0)
    assert model.masses == tuple(round(one, 6) for one in model.masses)
    assert model.tip_off_weight is not None
    assert model.tip_off_weight == round(model.tip_off_weight, 4)


@given(
    st.lists(st.one_of(st.none(), st.floats(-30, 480)), max_size=40),
    st.sampled_from([5, 15, 60, 480]),
    st.sampled_from([60, 475, 480, 1440]),
)
@settings(max_examples=examples(50))
def test_fitted_model_is_a_distribution_for_any_history(
    published: list[float | None], every: int, window: int
) -> None:
    model = fit(seen(published, every), after(len(published)), window)
    assert model.early + sum(model.masses) + model.never == pytest.approx(1, abs=1e-3)
    assert len(model.masses) == math.ceil(window / BIN_MINUTES)
    assert min(model.masses) > 0
    assert PublicationModel.model_validate_json(model.model_dump_json()) == model


SOURCES: dict[str, Callable[[random.Random, int], float]] = {
    "sharp": lambda luck, _: luck.gauss(120, 8),
    "broad": lambda luck, _: luck.uniform(30, 420),
    "two peaks": lambda luck, _: luck.gauss(60 if luck.random() < 0.5 else 300, 10),
}


@pytest.mark.parametrize("name", SOURCES)
def test_predicted_quantiles_match_observed_shares(name: str) -> None:
    """The share of days before each predicted quantile is within five points of the prediction."""
    luck = random.Random(7)  # noqa: S311  # luck, not a secret
    minutes = [SOURCES[name](luck, day) for day in range(260)]
    history = seen(minutes, every=15)
    quantiles = []
    # Equals a new fit for each day, but a replay keeps its predictions and a fit computes a month of them.
    looks = LearnedLooks(WINDOW, Guards(17, 3.5, 120), range(0, WINDOW + 1, 30))
    for day, shown in enumerate(history):
        if day >= 60 and day % 2 == 0:
            model = looks.model(after(day))
            cells = np.cumsum([model.early, *model.masses])
            quantiles.append(float(np.interp(minutes[day], np.arange(BINS + 1) * BIN_MINUTES, cells)))
        looks.note(shown)
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        observed = float(np.mean([quantile <= level for quantile in quantiles]))
        # Two standard errors of a hundred days in addition to the five points.
        assert abs(observed - level) < 0.05 + 2 * math.sqrt(level * (1 - level) / len(quantiles))


@pytest.mark.parametrize("seed", range(5))
def test_turnbull_estimate_reaches_likelihood_of_lifelines(seed: int) -> None:
    """Oracle: Turnbull's estimate maximizes the likelihood, so both estimates reach the same maximum."""
    from lifelines.fitters.npmle import npmle

    luck = random.Random(seed)  # noqa: S311  # luck, not a secret
    days = seen([luck.gauss(200, 60) for _ in range(25)], every=luck.choice([15, 30, 60]))
    days = [day for day in days if day.before is not None]
    support = np.array([support_of(day, BINS) for day in days])
    ours = turnbull(support, np.ones((1, len(days))), uniform(BINS), prior_days=1e-9, iterations=20_000)[0]
    # The oracle's intervals are closed, so adjacent intervals must not touch.
    left = [-1.0 if day.after is None else day.after + 0.5 for day in days]
    right = [float(day.before or 0) for day in days]
    weights, turnbull_intervals = npmle(left, right, tol=1e-9, max_iter=200_000, optimize=False)
    likelihoods = [
        sum(
            weight
            for weight, interval in zip(weights, turnbull_intervals, strict=True)
            if start <= interval.left and interval.right <= end
        )
        for start, end in zip(left, right, strict=True)
    ]
    theirs = float(np.log(likelihoods).sum())
    assert float(np.log(support @ ours).sum()) == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize(
    ("after", "before", "cells"),
    [
        (180, 210, (37, 42)),
        (None, 0, (0, 0)),
        (None, 5, (0, 1)),
        (182, 183, (37, 37)),
        (182, 191, (37, 39)),
        (478, None, (96, 97)),
        (None, None, (0, 97)),
    ],
)
def test_check_within_bin_leaves_whole_bin_possible(
    after: float | None, before: float | None, cells: tuple[int, int]
) -> None:
    marked = np.flatnonzero(support_of(PublicationInterval(FIRST, after, before), BINS))
    assert (marked[0], marked[-1]) == cells


@given(st.floats(1e-3, 1e3))
@settings(max_examples=examples(20))
def test_turnbull_result_is_independent_of_weight_scale(scale: float) -> None:
    """After a pause of weeks an expert that forgets fast still keeps its history."""
    support, weights = days_in((1, 3), (2, 6), (5, 5)), np.array([[1.0, 0.5, 0.25], [0.2, 0.0, 1.0]])
    prior = uniform(10)
    assert turnbull(support, weights * scale, prior) == pytest.approx(turnbull(support, weights, prior))


def test_smoothing_keeps_all_mass_within_window() -> None:
    assert smoothing_kernel(BINS, 3.5).sum(axis=1) == pytest.approx(1)


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12), st.floats(0, 0.4), st.floats(0, 0.4))
@settings(max_examples=examples(50))
def test_sharpening_keeps_shares_of_early_and_never(weights: list[float], early: float, never: float) -> None:
    """Silence is one cell and publication many, so a power of the whole distribution favors silence."""
    inside = np.array(weights) + 1e-3
    blended = np.concatenate([[early], inside / inside.sum() * (1 - early - never), [never]])
    never_seen = np.zeros((1, 14))
    never_seen[0, 5] = 1.0
    drawn = sharpen(np.array([blended, blended]), never_seen)
    assert drawn[:, 0] == pytest.approx(early)
    assert drawn[:, -1] == pytest.approx(never)
    assert drawn.sum(axis=1) == pytest.approx(1)


def test_sharpening_keeps_shares_of_two_peaks() -> None:
    """Six of ten days at one time and four at another keep these shares."""
    cells = np.arange(BINS + 2)
    bells = [np.exp(-0.5 * ((cells - middle) / 2) ** 2) for middle in (20, 66)]
    blended = sum(share * bell / bell.sum() for share, bell in zip((0.6, 0.4), bells, strict=True))
    seen_days = np.zeros((20, BINS + 2))
    for number in range(20):
        seen_days[number, 20 if number % 5 < 3 else 66] = 1.0
    drawn = sharpen(np.array([blended] * 21), seen_days)[-1]
    assert drawn[:43].sum() == pytest.approx(0.6, abs=0.01)
    assert drawn.max() > 1.3 * blended.max()


def test_a_trend_is_found_in_intervals_of_any_width() -> None:
    """A find at the first check only gives the interval's end; its middle would pull the trend to the opening."""
    history = [
        PublicationInterval(after(day), None if day % 2 else 55.0 + 2 * day, 65.0 + 2 * day)
        for day in range(60)
    ]
    assert mass(fit(history, after(60), WINDOW), 170, 195) > 0.6


# First tip-offs


def tip_off(day: int) -> float:
    """Return a day's first tip-off, which follows no pattern, as in a season."""
    return random.Random(f"tip-off/{day}").choice((120.0, 180.0, 300.0, 420.0))  # noqa: S311  # luck


def with_tips(history: list[PublicationInterval]) -> list[PublicationInterval]:
    return [replace(item, first_tip_off=tip_off(number)) for number, item in enumerate(history)]


@pytest.mark.parametrize("tip", [180.0, 420.0])
def test_a_source_that_follows_the_first_tip_off_is_learned(tip: float) -> None:
    history = with_tips(seen([tip_off(day) - 90 for day in range(40)]))
    model = fit(history, after(40), WINDOW, first_tip_off=tip)
    assert mass(model, tip - 120, tip - 60) > 0.7
    assert (model.tip_off_weight or 0) > 0.8
    assert PublicationModel.model_validate_json(model.model_dump_json()) == model


@pytest.mark.parametrize("later", [60.0, -60.0, 3.0])
def test_past_day_is_shifted_by_difference_of_first_tip_offs(later: float) -> None:
    """With a single day weights do not matter, so the moved day equals a day that was observed there."""
    day = PublicationInterval(FIRST, 100.0, 190.0, first_tip_off=300.0)
    there = PublicationInterval(FIRST, 100.0 + later, 190.0 + later)
    moved = predict([day], [after(1)], WINDOW, [300.0 + later])[0]
    unmoved = predict([there], [after(1)], WINDOW)[0]
    assert moved[EXPERTS] == pytest.approx(unmoved[0])


def test_source_independent_of_tip_offs_is_not_shifted() -> None:
    history = seen([200.0] * 40)
    model = fit(with_tips(history), after(40), WINDOW, first_tip_off=420.0)
    assert (model.tip_off_weight or 0) < 0.1
    assert mass(model, 180, 210) == pytest.approx(mass(fit(history, after(40), WINDOW), 180, 210), abs=0.02)


@given(
    published=st.lists(st.one_of(st.none(), st.floats(-30, 480)), max_size=30),
    tip=st.one_of(st.none(), st.floats(-600, 900)),
)
@settings(max_examples=examples(30))
def test_without_tip_offs_nothing_changes(published: list[float | None], tip: float | None) -> None:
    """The tip-off of the day itself is unknown, or that of every earlier day."""
    history, target = seen(published), after(len(published))
    plain = fit(history, target, WINDOW)
    assert fit(with_tips(history), target, WINDOW) == plain
    assert fit(history, target, WINDOW, first_tip_off=tip) == plain
    assert "tip_off_weight" not in plain.model_dump(exclude_none=True)


@given(
    published=st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-30, 480)), st.one_of(st.none(), st.floats(-1440, 2880))),
        min_size=1,
        max_size=30,
    ),
    tip=st.floats(-1440, 2880),
)
@settings(max_examples=examples(30))
def test_fitted_model_is_a_distribution_for_any_tip_offs(
    published: list[tuple[float | None, float | None]], tip: float
) -> None:
    history = [
        replace(item, first_tip_off=first)
        for item, (_, first) in zip(seen(minute for minute, _ in published), published, strict=True)
    ]
    model = fit(history, after(len(published)), WINDOW, first_tip_off=tip)
    assert model.early + sum(model.masses) + model.never == pytest.approx(1, abs=1e-3)
    assert min(model.masses) > 0


def mean_delay(minutes: list[float], tip_offs: dict[date, float]) -> float:
    looks = LearnedLooks(WINDOW, Guards(17, 3.5, 120), range(0, WINDOW + 1, 30), tip_offs=tip_offs)
    days = [PublicationTime(after(number), minute) for number, minute in enumerate(minutes)]
    return fmean(day.delay for day in replay(days, looks, looks.note) if day.delay is not None)


@pytest.mark.parametrize(("follows", "least", "most"), [(True, 0.0, 0.6), (False, 0.95, 1.05)])
def test_tip_offs_shorten_delay_only_where_relevant(follows: bool, least: float, most: float) -> None:
    luck = random.Random(3)  # noqa: S311  # luck, not a secret
    minutes = [luck.gauss(tip_off(day) - 90 if follows else 200, 8) for day in range(40)]
    tip_offs = {after(day): tip_off(day) for day in range(40)}
    assert least <= mean_delay(minutes, tip_offs) / mean_delay(minutes, {}) <= most


def test_replay_model_equals_fitted_model() -> None:
    """The predictions that a replay keeps equal those of a new fit, also after days without a game."""
    history = [
        replace(item, first_tip_off=None if number % 4 == 1 else tip_off(number))
        for number, item in enumerate(seen([tip_off(day) - 90 for day in range(12)]))
    ]
    tips = {item.game_date: item.first_tip_off for item in history if item.first_tip_off is not None}
    looks = LearnedLooks(WINDOW, Guards(17, 3.5, 120), [480.0], tip_offs={**tips, after(12): 300.0})
    for number, item in enumerate(history):
        looks.model(item.game_date)
        looks.note(replace(item, first_tip_off=None))
        tip = history[number + 1].first_tip_off if number + 1 < len(history) else 300.0
        replayed = looks.model(after(number + 1))
        fitted = fit(history[: number + 1], after(number + 1), WINDOW, first_tip_off=tip)
        # The first day has no history; a fit smooths its model and a replay does not.
        assert replayed.masses == pytest.approx(fitted.masses, abs=2e-3)
        assert (replayed.tip_off_weight is None) == (fitted.tip_off_weight is None) == (tip is None)

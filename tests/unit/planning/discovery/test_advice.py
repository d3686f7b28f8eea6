"""Tests of the advice on whether a search should learn, from its own history."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from tests.support.controller import at
from tests.support.publications import seen
from tipoff_planning.discovery.advice import MIN_ADVICE_DAYS, PRICES, Advice, advise
from tipoff_planning.discovery.intervals import PublicationHistory, PublicationInterval
from tipoff_planning.discovery.plans import Search
from tipoff_planning.discovery.policy import Guards

FIRST = date(2025, 1, 6)
BEAT = [float(minute) for minute in range(0, 481, 30)]


def advice(days: list[PublicationInterval], beat: list[float] = BEAT) -> Advice:
    day = FIRST + timedelta(days=len(days))
    search = Search("one", day, day, at("16:00", day), 480, Guards(17, 3.5, 120), explore=0.03)
    return advise(search, PublicationHistory(tuple(days)), beat)


def test_punctual_source_should_be_learned() -> None:
    luck = Random(1)  # noqa: S311  # luck, not a secret
    result = advice(seen([luck.gauss(200, 15) for _ in range(30)]))
    assert result.fixed is not None
    assert result.price_per_attempt is not None
    best = next(item for item in result.learned if item.price_per_attempt == result.price_per_attempt)
    assert best.mean_delay_minutes < 0.8 * result.fixed.mean_delay_minutes
    assert best.attempts_per_day <= 1.02 * result.fixed.attempts_per_day
    assert result.sentence.startswith("Learn: data would have been found")
    assert result.resolution_minutes == 30
    assert [item.price_per_attempt for item in result.learned] == list(PRICES)
    figures = (result.fixed.mean_delay_minutes, result.fixed.p95_delay_minutes, result.fixed.attempts_per_day)
    assert figures == tuple(round(value, digits) for value, digits in zip(figures, (1, 1, 2), strict=True))


def test_irregular_source_stays_on_fixed_beat() -> None:
    luck = Random(1)  # noqa: S311  # luck, not a secret
    result = advice(seen([luck.uniform(0, 480) for _ in range(26)]))
    assert result.price_per_attempt is None
    assert result.sentence.startswith("Stay with fixed")
    assert result.fixed is not None
    affordable = [
        item for item in result.learned if item.attempts_per_day <= 1.02 * result.fixed.attempts_per_day
    ]
    best = min(affordable, key=lambda item: item.mean_delay_minutes)
    # The sentence names the best affordable price, so that a user sees its distance from the beat.
    assert (
        f"at {best.attempts_per_day:g} attempts a day instead of {result.fixed.attempts_per_day:g}"
        in result.sentence
    )


def test_cheapest_price_is_shown_when_none_is_affordable() -> None:
    result = advice(seen([100.0 + 9 * number for number in range(MIN_ADVICE_DAYS)]), beat=[480.0])
    assert result.price_per_attempt is None
    cheapest = min(item.attempts_per_day for item in result.learned)
    assert f"at {cheapest:g} attempts a day instead of 1," in result.sentence


def test_source_following_tip_offs_is_replayed_with_tip_offs() -> None:
    tips = [Random(f"{day}").choice((180.0, 300.0, 420.0)) for day in range(26)]  # noqa: S311  # luck, not a secret
    days = seen([tip - 90 for tip in tips])
    result = advice([replace(item, first_tip_off=tip) for item, tip in zip(days, tips, strict=True)])
    assert result.fixed is not None
    assert min(item.mean_delay_minutes for item in result.learned) < 0.7 * result.fixed.mean_delay_minutes
    assert result.sentence.startswith("Learn")


def test_days_found_at_window_opening_are_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tipoff_planning.discovery.advice.PRICES", (1.0,))
    days = seen([100.0 + 9 * number for number in range(MIN_ADVICE_DAYS)])
    later = days[-1].game_date + timedelta(days=1)
    found_at_once = [PublicationInterval(later + timedelta(days=number), None, 0.0) for number in range(20)]
    without = advice(days).fixed
    assert without is not None
    assert advice([*days, *found_at_once]).fixed == without
    # A publication half a minute after the opening is found by the next check, half an hour later.
    soon = [replace(item, before=0.5) for item in found_at_once]
    among_them = advice([*days, *soon]).fixed
    assert among_them is not None
    assert among_them.mean_delay_minutes > without.mean_delay_minutes + 5


def test_short_history_gives_no_comparison() -> None:
    result = advice(seen([200.0] * (MIN_ADVICE_DAYS - 1)))
    assert (result.fixed, result.learned, result.price_per_attempt) == (None, (), None)
    assert "19 days with a known publication, and 20 are needed" in result.sentence
    assert advice([]).days == 0


def test_the_same_history_gives_the_same_advice() -> None:
    days = seen([100.0 + number for number in range(MIN_ADVICE_DAYS)])
    result = advice(days)
    assert result == advice(days)
    assert result.fixed is not None, "with just as many days as it takes"


def test_short_history_reports_days_and_resolution() -> None:
    """A day with a find at the opening, or without one, has no width; today does not count."""
    days = [
        PublicationInterval(FIRST + timedelta(days=number), after, before)
        for number, (after, before) in enumerate(
            [(180.0, 210.0), (480.0, None), (None, 0.0), (None, 15.0), (None, 0.5), (0.0, 30.0), (0.0, 400.0)]
        )
    ]
    today = days[-1].game_date
    search = Search("one", today, today, at("16:00", today), 480, Guards(17, 3.5, 120), explore=0.03)
    result = advise(search, PublicationHistory(tuple(days)), BEAT)
    assert (result.days, result.first_day, result.last_day) == (6, FIRST, FIRST + timedelta(days=5))
    assert result.resolution_minutes == 18.9
    assert (
        result.sentence == "Stay with fixed: 4 days with a known publication, and 20 are needed to compare."
    )


def test_empty_history_has_no_days_and_no_resolution() -> None:
    result = advice([])
    assert (result.first_day, result.last_day, result.resolution_minutes) == (None, None, None)

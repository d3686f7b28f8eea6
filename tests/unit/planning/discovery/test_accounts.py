"""Tests of a decision's account of the plan that its search followed, for users and for queries."""

from datetime import date, timedelta

import pytest

from tests.support.controller import at
from tipoff_planning.discovery.accounts import discovery_context, explain_check
from tipoff_planning.discovery.model import PublicationModel
from tipoff_planning.discovery.plans import DiscoveryPlan, Fallback, PlannedCheck, Purpose
from tipoff_planning.occurrences import Occurrence

DAY = date(2025, 1, 15)
OPENS = at("16:00", DAY)
MODEL = PublicationModel(
    version="m-1",
    window_minutes=40,
    bin_minutes=10,
    fitted_for=DAY,
    first_day=date(2025, 1, 1),
    last_day=date(2025, 1, 14),
    days=14,
    early=0.125,
    masses=(0.125, 0.125, 0.5, 0.0625),
    never=0.0625,
    calibration=0.2,
)
PLAN = DiscoveryPlan(
    workflow="one",
    day=DAY,
    game_date=DAY,
    opens=OPENS,
    window_minutes=40,
    budget=17,
    price_per_attempt=3.5,
    max_gap_minutes=20,
    explore=0.03,
    fallback=None,
    detail="",
    checks=(
        PlannedCheck(minute=10, purpose=Purpose.MAX_GAP, probability=0.25),
        PlannedCheck(minute=30, purpose=Purpose.LIKELY, probability=0.625),
        PlannedCheck(minute=40, purpose=Purpose.WINDOW_END, probability=0.0625),
    ),
    expected_delay_minutes=7.5,
    expected_checks=1.9,
    model=MODEL,
    history=(),
    planned_at=at("05:00", DAY),
)
ON_THE_BEAT = {"fallback": Fallback.STALE, "detail": "of long ago", "checks": ()}


def slot(minute: int) -> Occurrence:
    moment = OPENS + timedelta(minutes=minute)
    return Occurrence(
        workflow="one",
        day=DAY,
        game_date=DAY,
        subject="-",
        slot=0,
        expected=moment,
        deadline=moment + timedelta(minutes=10),
        reason="",
        games=(),
    )


@pytest.mark.parametrize(
    ("minute", "message"),
    [
        (10, " Check 1 of 3 by model m-1: no gap is longer than 20 minutes."),
        (30, " Check 2 of 3 by model m-1: on 62% of days it finds the document."),
        (40, " Check 3 of 3 by model m-1: the window closes."),
        (20, ""),
    ],
)
def test_check_is_explained_by_its_purpose(minute: int, message: str) -> None:
    assert explain_check(slot(minute), PLAN) == message


def test_fixed_beat_is_explained_and_missing_plan_is_not() -> None:
    on_the_beat = PLAN.model_copy(update=ON_THE_BEAT)
    assert explain_check(slot(30), on_the_beat) == " On the fixed beat: of long ago."
    assert explain_check(slot(30), None) == ""
    assert discovery_context(slot(30), None) == {}


DAYS_OF_MODEL = {
    "opens": "2025-01-15T21:00:00+00:00",
    "window_minutes": 40,
    "budget": 17,
    "model": "m-1",
    "days": 14,
    "first_day": "2025-01-01",
    "last_day": "2025-01-14",
    "calibration": 0.2,
    "probability_in_window": 0.8125,
    "p10": "2025-01-15T21:00:00+00:00",
    "p50": "2025-01-15T21:22:00+00:00",
    "p90": "2025-01-15T21:29:00+00:00",
}
CHECKS = {
    "checks": ["2025-01-15T21:10:00+00:00", "2025-01-15T21:30:00+00:00", "2025-01-15T21:40:00+00:00"],
    "expected_delay_minutes": 7.5,
    "expected_checks": 1.9,
}


@pytest.mark.parametrize(
    ("minute", "check"),
    [
        (10, {"check": 1, "purpose": "max_gap", "probability": 0.25}),
        (30, {"check": 2, "purpose": "likely", "probability": 0.625}),
        (20, {"check": None, "purpose": None, "probability": None}),
    ],
)
def test_discovery_context_contains_plan_and_check(minute: int, check: dict[str, object]) -> None:
    """A slot for later versions follows the beat and is no check of the plan."""
    assert discovery_context(slot(minute), PLAN) == {
        "discovery": {"strategy": "learned", **DAYS_OF_MODEL, **CHECKS, **check}
    }


def test_discovery_context_contains_reason_for_fixed_beat() -> None:
    result = {"strategy": "fixed", "fallback": "stale", "detail": "of long ago"}
    on_the_beat = PLAN.model_copy(update=ON_THE_BEAT)
    assert discovery_context(slot(30), on_the_beat) == {"discovery": {**result, **DAYS_OF_MODEL}}
    unread = on_the_beat.model_copy(update={"model": None})
    first_three = {name: DAYS_OF_MODEL[name] for name in ("opens", "window_minutes", "budget")}
    assert discovery_context(slot(30), unread) == {"discovery": {**result, **first_three}}


def test_model_context_without_history_has_no_days_and_four_digits() -> None:
    empty = MODEL.model_copy(update={"first_day": None, "last_day": None, "masses": (0.123456,)})
    context = discovery_context(slot(30), PLAN.model_copy(update={**ON_THE_BEAT, "model": empty}))[
        "discovery"
    ]
    assert isinstance(context, dict)
    assert (context["first_day"], context["last_day"], context["probability_in_window"]) == (
        None,
        None,
        0.1235,
    )

"""Tests of a day's plan of checks: learned with enough history, otherwise the fixed beat and its reason."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.controller import at, calendar, configured, decided, discovery, fact, history, workflow
from tests.support.examples import examples
from tests.support.publications import FIRST, WINDOW, seen
from tipoff_common.clock import EASTERN
from tipoff_planning.decision import DecisionInputs
from tipoff_planning.decisions import decide
from tipoff_planning.discovery.intervals import Look, PublicationHistory, PublicationInterval, read_history
from tipoff_planning.discovery.model import PublicationModel
from tipoff_planning.discovery.plans import (
    CONTRADICTORY_SHARE,
    MIN_DAYS,
    DiscoveryPlan,
    Fallback,
    Purpose,
    Search,
    due_checks,
    find_fallback,
    keep_beat,
    plan_day,
)
from tipoff_planning.discovery.policy import Guards, expect, widen
from tipoff_planning.occurrences import occurrences
from tipoff_planning.workflows import Configuration


def learning(every: str = "30m", **more: object) -> Configuration:
    schedule = discovery("16:00", "23:59", every=every, **more)
    return configured(one=workflow(schedule, "bulletin", discovery={"strategy": "learned"}))


def search(day: date, budget: int = 17, price: float = 3.5, max_gap: int = 120) -> Search:
    return Search("one", day, day, at("16:00", day), WINDOW, Guards(budget, price, max_gap), explore=0.03)


def planned(days: list[PublicationInterval], day: date | None = None, **more: Any) -> DiscoveryPlan:
    day = day or FIRST + timedelta(days=len(days))
    return plan_day(replace(search(day), **more), PublicationHistory(tuple(days)), at("05:00", day))


def minutes(plan: DiscoveryPlan) -> list[int]:
    return [check.minute for check in plan.checks]


# Laws


@given(
    published=st.lists(st.one_of(st.none(), st.floats(-30, 480)), min_size=MIN_DAYS, max_size=40),
    budget=st.integers(5, 20),
    price=st.floats(0, 30),
    max_gap=st.integers(100, 480),
)
@settings(max_examples=examples(40))
def test_budget_and_max_gap_are_never_exceeded(
    published: list[float | None], budget: int, price: float, max_gap: int
) -> None:
    plan = planned(seen(published), guards=Guards(budget, price, max_gap))
    assume(plan.learned)
    assert len(plan.checks) <= budget
    assert all(later - earlier <= max_gap for earlier, later in pairwise([0, *minutes(plan)]))
    assert minutes(plan)[-1] == WINDOW
    assert plan.checks[-1].purpose is Purpose.WINDOW_END


@given(st.lists(st.one_of(st.none(), st.floats(-30, 480)), max_size=40))
@settings(max_examples=examples(25))
def test_plan_depends_only_on_history_before_the_day(published: list[float | None]) -> None:
    days = seen(published)
    plan = planned(days)
    later = seen([10.0] * 5, first=plan.day)
    assert planned([*reversed(days), *later], plan.day) == plan
    assert DiscoveryPlan.model_validate_json(plan.model_dump_json()) == plan


@given(st.lists(st.floats(0, 480), max_size=MIN_DAYS - 1))
@settings(max_examples=examples(10))
def test_short_history_keeps_configured_beat(published: list[float]) -> None:
    configuration = learning()
    plan = planned(seen(published))
    expected = occurrences(configuration, None, plan.day, {("one", plan.day): plan})
    assert expected == occurrences(configuration, None, plan.day)
    assert plan.fallback is Fallback.FEW_DAYS
    assert len(expected) == plan.budget - 1 == 16  # the fixture's window closes a minute early


# Planned checks


def test_last_check_is_at_window_close() -> None:
    """By then every publication within the window is out."""
    schedule = discovery("16:00", "18:00", every="30m")
    configuration = configured(one=workflow(schedule, "bulletin", discovery={"strategy": "learned"}))
    plan = planned(seen([60.0] * 30), window_minutes=120)
    expected = occurrences(configuration, None, plan.day, {("one", plan.day): plan})
    assert expected[-1].expected == at("18:00", plan.day)
    assert expected[-1].deadline == at("18:30", plan.day)


def test_sharp_source_is_checked_at_publication_time() -> None:
    plan = planned(seen([200.0] * 30))
    likely = [check for check in plan.checks if check.purpose is Purpose.LIKELY]
    assert any(200 <= check.minute <= 215 for check in likely)
    assert sum(check.probability for check in plan.checks) <= 1
    assert plan.expected_delay_minutes is not None
    assert plan.expected_delay_minutes < 15
    assert plan.model is not None
    assert (plan.expected_delay_minutes, plan.expected_checks) == expect(plan.model, minutes(plan))
    assert (plan.model.days, plan.model.last_day) == (30, FIRST + timedelta(days=29))


def test_check_forced_by_max_gap_has_max_gap_purpose() -> None:
    plan = planned(seen([400.0] * 30), guards=Guards(17, 10.0, 120))
    purposes = [check.purpose for check in plan.checks]
    assert purposes[0] is Purpose.MAX_GAP
    assert Purpose.LIKELY in purposes
    free = planned(seen([400.0] * 30), guards=Guards(17, 10.0, 480))
    assert Purpose.MAX_GAP not in [check.purpose for check in free.checks]


def test_plan_quantiles_locate_publication_time() -> None:
    plan = planned(seen([200.0] * 30))
    middle = plan.quantile(0.5)
    assert middle is not None
    assert abs((middle - plan.opens) / timedelta(minutes=1) - 195) < 20
    assert plan.quantile(0.1) < middle < plan.quantile(0.9)  # type: ignore[operator]
    early = planned(seen([-5.0] * 30))
    assert early.quantile(0.5) == early.opens


# Untrusted histories and models


def test_history_without_recent_days_is_stale() -> None:
    plan = planned(seen([200.0] * 30), FIRST + timedelta(days=365))
    assert plan.fallback is Fallback.STALE
    assert "60" in plan.detail


def test_year_without_publication_falls_back_as_silent() -> None:
    plan = planned(seen([None] * 365))
    assert (plan.fallback, plan.checks) == (Fallback.SILENT, ())
    assert planned(seen([None] * 13 + [100.0])).fallback is None


def test_single_day_falls_back_as_too_few_days() -> None:
    plan = planned(seen([200.0]))
    assert plan.fallback is Fallback.FEW_DAYS
    assert plan.detail == f"1 known day, and {MIN_DAYS} are needed"


def test_poorly_calibrated_model_is_not_used() -> None:
    """The source changes its time every day in a way that no expert follows."""
    minutes_ = [20.0 if number % 2 else 460.0 for number in range(30)]
    swapped = [480 - minute for minute in minutes_]
    plan = planned([*seen(minutes_[:29]), *seen(swapped[:1], first=FIRST + timedelta(days=29))])
    assert plan.model is not None
    assert plan.model.calibration is not None
    off = plan.model.model_copy(update={"calibration": 0.6})
    found = find_fallback(PublicationHistory(plan.history), off)
    assert found is not None
    assert found[0] is Fallback.POORLY_CALIBRATED
    assert "60 points" in found[1]


def looks(days: int, *seen_: tuple[float, bool], first: date = FIRST) -> list[Look]:
    return [
        Look(first + timedelta(days=number), minute, found)
        for number in range(days)
        for minute, found in seen_
    ]


def test_days_of_another_window_are_excluded() -> None:
    """The earlier window opened at minute 300 of today's, so earlier publications were not observed."""
    history_ = read_history(looks(30, (300, False), (330, True)), WINDOW, first_look_by=135)
    assert (history_.intervals, len(history_.elsewhere)) == ((), 30)
    day = FIRST + timedelta(days=30)
    plan = plan_day(search(day), history_, at("05:00", day))
    assert plan.fallback is Fallback.WINDOW_CHANGED
    assert "30 in another" in plan.detail


def test_days_of_longer_earlier_window_still_count() -> None:
    history_ = read_history(looks(30, (-120, False), (0, False), (60, True)), WINDOW, first_look_by=135)
    assert len(history_.intervals) == 30


def test_rows_that_contradict_each_other_are_left_out_and_counted() -> None:
    """Found at minute 60 and gone at minute 200: a wrong clock, or a source that withdraws publications."""
    odd = looks(5, (0, False), (60, True), (200, False))
    fine = looks(10, (0, False), (60, True), first=FIRST + timedelta(days=5))
    history_ = read_history([*odd, *fine], WINDOW, first_look_by=135)
    assert (len(history_.intervals), len(history_.contradictory)) == (10, 5)
    day = FIRST + timedelta(days=15)
    plan = plan_day(search(day), history_, at("05:00", day))
    assert CONTRADICTORY_SHARE < 5 / 15
    assert plan.fallback is Fallback.CONTRADICTORY
    assert "5 of 15 days" in plan.detail


def test_days_with_clock_errors_are_excluded() -> None:
    errors = [FIRST + timedelta(days=number) for number in range(3)]
    history_ = read_history(looks(10, (0, False), (60, True)), WINDOW, 135, errors)
    assert history_.contradictory == tuple(errors)
    assert len(history_.intervals) == 7


def test_checks_within_a_minute_are_not_contradictory() -> None:
    history_ = read_history(looks(1, (60.0, True), (60.5, False)), WINDOW, 135)
    assert history_.contradictory == ()


def test_repeated_rows_change_nothing() -> None:
    days = looks(10, (0, False), (60, True))
    assert read_history(days * 3, WINDOW, 135) == read_history(days, WINDOW, 135)


def test_backfill_after_window_adds_nothing_to_history() -> None:
    assert read_history(looks(10, (5_000, True)), WINDOW, 135) == PublicationHistory()


# Expected and decided checks


def test_each_planned_check_is_expected_until_the_next_check() -> None:
    configuration = learning()
    plan = planned(seen([200.0] * 30))
    expected = occurrences(configuration, None, plan.day, {("one", plan.day): plan})
    assert [item.expected for item in expected] == [
        min(plan.at(check), at("23:59", plan.day)) for check in plan.checks if check.minute < WINDOW
    ]
    assert [item.deadline for item in expected[:-1]] == [item.expected for item in expected[1:]]
    assert expected[-1].deadline > expected[-1].expected
    assert len({item.id for item in expected}) == len(expected)
    others = occurrences(configuration, None, plan.day)
    assert not {item.id for item in expected} & {item.id for item in others}


def at_check(plan: DiscoveryPlan, number: int) -> datetime:
    return plan.at(plan.checks[number])


def test_decision_names_model_and_check_number() -> None:
    plan = planned(seen([200.0] * 30))
    plans = {("one", plan.day): plan}
    number = next(n for n, check in enumerate(plan.checks) if check.purpose is Purpose.LIKELY)
    decision = decided(learning(), at_check(plan, number), discovery=plans)
    context = decision.context["discovery"]
    assert isinstance(context, dict)
    assert plan.model is not None
    assert (context["strategy"], context["model"], context["check"]) == (
        "learned",
        plan.model.version,
        number + 1,
    )
    assert plan.model.version in decision.sentence
    assert f"Check {number + 1} of {len(plan.checks)}" in decision.sentence


def test_decision_on_fixed_beat_has_reason() -> None:
    plan = planned(seen([200.0] * 2))
    decision = decided(learning(), at("16:30", plan.day), discovery={("one", plan.day): plan})
    context = decision.context["discovery"]
    assert isinstance(context, dict)
    assert (context["strategy"], context["fallback"]) == ("fixed", "few_days")
    assert decision.sentence.endswith("On the fixed beat: 2 known days, and 5 are needed.")


def test_workflow_without_learning_has_no_discovery_context() -> None:
    configuration = configured(one=workflow(discovery(), "bulletin"))
    assert "discovery" not in decided(configuration, at("12:00")).context


@given(st.integers(0, 3))
def test_success_ends_learned_search(number: int) -> None:
    plan = planned(seen([200.0] * 30))
    assume(number < len(plan.checks) - 1)
    now = at_check(plan, number)
    known = history(fact("bulletin", game_date=plan.day, triggered_at=now - timedelta(minutes=20)))
    decision = decided(learning(), now, discovery={("one", plan.day): plan}, history=known)
    assert (decision.action.value, decision.code.value) == ("SKIP", "already_found")


def test_refresh_slots_follow_fixed_beat() -> None:
    configuration = learning(refresh_after_found="1h")
    plan = planned(seen([200.0] * 30))
    plans = {("one", plan.day): plan}
    found_at = at("18:00", plan.day)
    known = history(fact("bulletin", game_date=plan.day, triggered_at=found_at))

    def codes(now: datetime, past: object) -> list[tuple[str, str]]:
        inputs = DecisionInputs(
            configuration,
            calendar(fetched_at=now),
            past,  # type: ignore[arg-type]
            now,
            discovery=plans,
        )
        return [(item.occurrence.role, item.code.value) for item in decide(inputs)]

    after = codes(at("19:00", plan.day), known)
    assert ("refresh", "refresh") in after
    assert ("search", "refresh") not in after
    before = codes(at("19:00", plan.day), history())
    assert ("refresh", "superseded") in before


def test_refresh_slot_before_find_is_superseded_with_next_check() -> None:
    configuration, plan = learning(refresh_after_found="1h"), planned(seen([200.0] * 30))

    now, plans = at("19:00", plan.day), {("one", plan.day): plan}
    inputs = DecisionInputs(configuration, calendar(fetched_at=now), history(), now, discovery=plans)
    (slot,) = [item for item in decide(inputs) if item.code.value == "superseded"]
    assert slot.next_check is not None
    assert plan.number(slot.next_check) is not None
    assert slot.sentence == (
        "Not found yet, and this slot looks for later versions only. "
        f"Next is {slot.next_check.astimezone(EASTERN):%Y-%m-%d %H:%M %Z}."
    )


def test_checks_since_previous_tick_are_due() -> None:
    plan = planned(seen([200.0] * 30))
    plans = {("one", plan.day): plan}
    now, step = at_check(plan, 0), timedelta(minutes=5)
    assert due_checks(plans, now, step) == {"one"}
    assert due_checks(plans, now - step, step) == frozenset()
    assert due_checks(plans, now + 3 * timedelta(minutes=1), step) == {"one"}


def test_day_not_planned_in_time_keeps_fixed_beat() -> None:
    day = FIRST
    plan = keep_beat(search(day), Fallback.DAY_BEGUN, "the window had opened", at("17:00", day))
    assert (plan.learned, plan.model, plan.checks) == (False, None, ())
    configuration = learning()
    assert occurrences(configuration, None, day, {("one", day): plan}) == occurrences(
        configuration, None, day
    )


@pytest.mark.parametrize("price", [0.0, 3.5, 100.0])
def test_plan_never_exceeds_budget_at_any_price(price: float) -> None:
    plan = planned(seen([float(m) for m in range(10, 460, 15)]), guards=Guards(6, price, 120))
    assert len(plan.checks) <= 6


# Reading a plan


def model(**changes: Any) -> PublicationModel:
    """Return a model with ten-minute bins in a 38-minute window, in which half of the days publish."""
    sample = {
        "version": "test",
        "window_minutes": 38,
        "bin_minutes": 10,
        "fitted_for": FIRST,
        "first_day": None,
        "last_day": None,
        "days": 0,
        "early": 0.125,
        "masses": (0.125, 0.125, 0.0625, 0.0625),
        "never": 0.5,
        "calibration": None,
    }
    return PublicationModel.model_validate({**sample, **changes})


@pytest.mark.parametrize(
    ("share", "never", "minute"),
    [
        (0.2, 0.5, 0),
        (0.25, 0.5, 0),
        (0.375, 0.5, 5),
        (0.5, 0.5, 10),
        (0.625, 0.5, 15),
        (0.75, 0.5, 20),
        (0.875, 0.5, 30),
        (1.0, 0.5, 38),
        (1.0, 0.25, 38),
    ],
)
def test_quantile_is_interpolated_within_bins(share: float, never: float, minute: int) -> None:
    """The time is proportional within a bin, and within the window whatever probability rounding lost."""
    kept = keep_beat(replace(search(FIRST), window_minutes=38), Fallback.DAY_BEGUN, "late", at("17:00"))
    plan = kept.model_copy(update={"model": model(never=never)})
    assert plan.quantile(share) == plan.opens + timedelta(minutes=minute)
    assert kept.quantile(share) is None


def test_check_is_due_at_a_single_tick_and_numbered() -> None:
    plan = planned(seen([200.0] * 30))
    plans, step = {("one", plan.day): plan}, timedelta(minutes=5)
    assert due_checks(plans, at_check(plan, -1), step) == {"one"}
    assert due_checks(plans, at_check(plan, -1) + step, step) == frozenset()
    assert [plan.number(plan.at(check)) for check in plan.checks] == [*range(1, len(plan.checks) + 1)]
    assert plan.number(plan.opens - step) is None


@pytest.mark.parametrize("price", [0.0, 3.5, 20.0])
@pytest.mark.parametrize(
    "published", [[200.0] * 30, [10.0 + 137 * n % 450 for n in range(28)]], ids=["sharp", "broad"]
)
def test_check_has_likely_purpose_if_worth_its_price(published: list[float], price: float) -> None:
    """Without the check, its publications wait for the next check."""
    plan = planned(seen(published), guards=Guards(17, price, 60))
    assert plan.model is not None
    assert plan.learned
    wide = widen(plan.model)

    def cost(at_minutes: list[int]) -> float:
        cells, total, unseen, last = [wide.early, *wide.masses], 0.0, 1.0, -1
        for minute in at_minutes:
            inside = range(last + 1, minute // wide.bin_minutes + 1)
            # The publication time of each cell's share does not depend on the check.
            delay = sum(cells[cell] * (minute - cell * wide.bin_minutes) for cell in inside)
            total += price * unseen + delay
            unseen, last = unseen - sum(cells[cell] for cell in inside), inside[-1]
        return total

    looks_ = minutes(plan)
    for number, check in enumerate(plan.checks[:-1]):
        saved = cost(looks_[:number] + looks_[number + 1 :]) - cost(looks_)
        assert (check.purpose is Purpose.LIKELY) == (saved >= -1e-6)
        assert check.probability == round(check.probability, 4)
    share = sum(check.probability for check in plan.checks)
    assert share == pytest.approx(1 - plan.model.never, abs=1e-3)


# Sufficient histories


def days_back(*numbers: int) -> tuple[date, ...]:
    return tuple(FIRST - timedelta(days=number) for number in sorted(numbers, reverse=True))


def known(
    found: Iterable[int], silent: Iterable[int] = (), odd: Iterable[int] = (), moved: Iterable[int] = ()
) -> PublicationHistory:
    """Return a history of days, each given by its age in days."""
    days = {**dict.fromkeys(days_back(*found), 60.0), **dict.fromkeys(days_back(*silent))}
    return PublicationHistory(
        tuple(PublicationInterval(day, 0.0, days[day]) for day in sorted(days)),
        days_back(*odd),
        days_back(*moved),
    )


@pytest.mark.parametrize(
    ("history_", "expected"),
    [
        (known(range(56, 61)), None),
        (known(range(1, 6)), None),
        (
            known(range(57, 62)),
            (Fallback.STALE, "4 of 5 known days lie in the last 60 days, and 5 are needed"),
        ),
        (
            known(range(1, 4), odd=[61], moved=[61]),
            (Fallback.STALE, "3 of 5 known days lie in the last 60 days, and 5 are needed"),
        ),
        (known(range(1, 16), odd=range(56, 61)), None),
        (
            known(range(1, 6), odd=(60, 30)),
            (
                Fallback.CONTRADICTORY,
                "the rows of 2 of 7 days contradict each other or the clock, 2024-12-07 the newest",
            ),
        ),
        (
            known(range(1, 5), moved=(20, 60)),
            (Fallback.WINDOW_CHANGED, "4 days checked in today's window, 2 in another"),
        ),
        (known(range(1, 6), moved=range(10, 20)), None),
        (
            known(range(20, 30), silent=range(1, 15)),
            (Fallback.SILENT, "nothing was published on any of the last 14 days"),
        ),
        (known(range(20, 30), silent=range(1, 14)), None),
        (
            known((), silent=range(1, 6)),
            (Fallback.SILENT, "nothing was published on any of the last 5 days"),
        ),
    ],
)
def test_fallback_reason_of_insufficient_history(
    history_: PublicationHistory, expected: tuple[Fallback, str] | None
) -> None:
    assert find_fallback(history_, model()) == expected


@pytest.mark.parametrize(("calibration", "used"), [(None, True), (0.42, True), (0.43, False)])
def test_model_is_used_up_to_calibration_limit(calibration: float | None, used: bool) -> None:
    found = find_fallback(known(range(1, 6)), model(calibration=calibration))
    off = "its predictions of the last days are off by 43 points"
    assert found == (None if used else (Fallback.POORLY_CALIBRATED, off))


def test_first_check_limit_is_max_gap_plus_three_bins() -> None:
    assert search(FIRST, max_gap=120).first_look_by == 135

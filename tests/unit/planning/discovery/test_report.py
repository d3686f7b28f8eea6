"""Tests of the report on a search for one day: learned curve, days behind it, states of the checks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    at,
    calendar,
    configured,
    discovery,
    fact,
    slate,
    workflow,
)
from tipoff_common.events import Source
from tipoff_common.outcomes import Status
from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.discovery.plans import Fallback
from tipoff_planning.discovery.report import (
    CheckState,
    DiscoveryReport,
    build_report,
    plans_from,
    read_discovery,
)
from tipoff_planning.history import ExecutionFact, ReportedCompleteness
from tipoff_planning.workflows import Configuration, Strategy


def searching(strategy: str = "learned", **more: object) -> Configuration:
    schedule = discovery("11:00", "18:00", every="30m", **more)
    return configured(one=workflow(schedule, "bulletin", discovery={"strategy": strategy}))


def beat_of(days: int, published: str = "14:10", last: date = DAY) -> Iterator[ExecutionFact]:
    """Yield the executions of half-hourly checks on the days before `last`."""
    for number in range(1, days + 1):
        day = last - timedelta(days=number)
        moment = at("11:00", day)
        while moment < at(published, day):
            yield look(day, moment, found=False)
            moment += timedelta(minutes=30)
        yield look(day, moment, found=True)


def look(day: date, moment: datetime, *, found: bool) -> ExecutionFact:
    outcome = SUCCESS if found else NO_DATA
    return fact(
        "bulletin",
        outcome=outcome,
        request_id=f"{day}/{moment:%H%M}",
        game_date=day,
        triggered_at=moment + timedelta(seconds=20),
    )


def report_at(
    now: datetime, facts: list[ExecutionFact], strategy: str = "learned", followed: object = None
) -> DiscoveryReport:
    found = build_report(searching(strategy), "one", DAY, facts, now, followed)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_report_has_distribution_curve_and_days_of_history() -> None:
    report = report_at(at("10:00"), list(beat_of(30)))
    total = report.early + sum(item.probability for item in report.curve) + report.never
    assert total == pytest.approx(1, abs=1e-4)
    assert report.curve[-1].published_by == pytest.approx(1 - report.never, abs=1e-4)
    assert (report.curve[0].starts, report.curve[-1].ends) == (report.opens, report.closes)
    assert [item.game_date for item in report.days] == [DAY - timedelta(days=30 - n) for n in range(30)]
    # The publication came between the checks of 14:00 and 14:30, whose executions began 20 seconds later.
    assert {(item.after_minute, item.before_minute) for item in report.days} == {(180, 210)}


def test_before_the_window_all_checks_are_planned() -> None:
    report = report_at(at("10:00"), list(beat_of(30)))
    assert [check.at for check in report.checks] == [report.plan.at(check) for check in report.plan.checks]
    assert {check.state for check in report.checks} == {CheckState.PLANNED}
    assert all(check.purpose is not None for check in report.checks)


def test_states_of_checks_on_day_with_find() -> None:
    known = list(beat_of(30))
    checks = report_at(at("10:00"), known).checks
    first, second = checks[0].at, checks[1].at
    today = [look(DAY, first, found=False), look(DAY, second, found=True)]
    report = report_at(at("17:00"), [*known, *today])
    states = [check.state for check in report.checks]
    assert states[:2] == [CheckState.IN_VAIN, CheckState.FOUND]
    assert set(states[2:]) == {CheckState.NOT_NEEDED}
    assert report.found_at == second + timedelta(seconds=20)


def test_missed_check_is_reported_as_not_made() -> None:
    known = list(beat_of(30))
    checks = report_at(at("10:00"), known).checks
    states = [check.state for check in report_at(checks[1].at + timedelta(minutes=1), known).checks]
    assert states[0] is CheckState.NOT_MADE
    assert states[1] is CheckState.PLANNED


def test_failed_check_is_reported_as_failed() -> None:
    known = list(beat_of(30))
    checks = report_at(at("10:00"), known).checks
    broken = replace(look(DAY, checks[0].at, found=False), status=Status.FAILED)
    report = report_at(checks[1].at + timedelta(minutes=1), [*known, broken])
    assert report.checks[0].state is CheckState.FAILED
    assert report.found_at is None
    mended = look(DAY, checks[0].at + timedelta(minutes=1), found=False)
    again = report_at(checks[1].at + timedelta(minutes=1), [*known, broken, mended])
    assert again.checks[0].state is CheckState.IN_VAIN


def test_past_day_is_reported_with_its_original_plan() -> None:
    """Executions on the day and later do not change its plan."""
    known = list(beat_of(30))
    before = report_at(at("10:00"), known)
    later = [look(DAY, at("12:00"), found=True), *beat_of(10, "11:20", last=DAY + timedelta(days=10))]
    after = report_at(at("09:00", DAY + timedelta(days=10)), [*known, *later])
    assert (before.plan.planned_at, after.plan.planned_at) == (at("10:00"), at("11:00"))
    assert after.plan.model == before.plan.model
    assert after.plan.checks == before.plan.checks


def test_fixed_search_shows_learned_plan_and_beat_checks() -> None:
    report = report_at(at("10:00"), list(beat_of(30)), strategy="fixed")
    assert report.strategy is Strategy.FIXED
    assert report.plan.learned
    assert [check.at for check in report.checks] == [
        at("11:00") + n * timedelta(minutes=30) for n in range(15)
    ]
    assert {check.purpose for check in report.checks} == {None}


def test_learned_search_in_fallback_shows_beat_checks() -> None:
    report = report_at(at("10:00"), list(beat_of(2)))
    assert report.plan.fallback is Fallback.FEW_DAYS
    assert len(report.checks) == 15


def test_checks_named_by_decisions_are_shown() -> None:
    named = ["2025-01-15T17:00:00+00:00", "2025-01-15T23:00:00+00:00"]
    followed = {"strategy": "learned", "model": "elsewhere", "checks": named}
    report = report_at(at("10:00"), list(beat_of(30)), followed=followed)
    assert [check.at for check in report.checks] == [at("12:00"), at("18:00")]
    assert not report.agrees
    assert report_at(at("10:00"), list(beat_of(30))).agrees


def test_local_execution_adds_no_day_to_history() -> None:
    local = [
        fact("bulletin", source=Source.LOCAL, game_date=DAY - timedelta(days=n), request_id=f"l{n}")
        for n in range(1, 20)
    ]
    assert report_at(at("10:00"), local).days == ()


def test_incomplete_document_is_no_find_with_until_complete() -> None:
    known = [
        replace(item, completeness=ReportedCompleteness(expected=2, missing=("A@B",)))
        if item.triggered_at.minute < 31 and item.counts
        else item
        for item in beat_of(30)
    ]
    configuration = searching(until="complete")
    (plan,) = plans_from(configuration, known, [DAY], at("10:00")).values()
    assert {item.before for item in plan.history} == {None}
    assert plan.fallback is Fallback.SILENT


def test_a_day_is_planned_by_the_first_tip_off_of_its_games() -> None:
    """Postponed games and days without games have no tip-off; tip-offs are in minutes of the window."""
    days = [DAY - timedelta(days=number) for number in range(31)]
    games = [
        item
        for number, day in enumerate(days)
        if number != 3
        for item in slate(2, day, "19:00" if number % 2 else "14:30")
    ]
    games += [item.model_copy(update={"postponed": True}) for item in slate(1, days[3], "12:00")]
    known = list(beat_of(30))
    (plan,) = plans_from(
        searching(), known, [DAY], at("10:00"), calendar=calendar(*games, fetched_at=at("05:05"))
    ).values()
    by_day = {item.game_date: item.first_tip_off for item in plan.history}
    assert [by_day[day] for day in days[1:5]] == [480.0, 210.0, None, 210.0]
    assert plan.model is not None
    assert plan.model.tip_off_weight is not None
    # The publication came at 14:10 whatever the time of the games.
    assert plan.model.tip_off_weight < 0.1
    (plain,) = plans_from(searching(), known, [DAY], at("10:00")).values()
    assert plain.model is not None
    assert plain.model.tip_off_weight is None


def rows_of(facts: Iterable[ExecutionFact]) -> list[dict[str, Any]]:
    """Return the facts as rows of the dataset."""
    return [
        {
            "request_id": item.request_id,
            "scraper_name": item.scraper,
            "game_date": item.game_date,
            "status": item.status.value,
            "error_type": None,
            "source": item.source.value,
            "triggered_at": item.triggered_at,
            "opts": None,
            "completeness": None,
        }
        for item in facts
    ]


def test_dataset_queries_are_limited_to_the_search() -> None:
    rows = rows_of(beat_of(30))
    arguments: list[Any] = []

    def answer(sql: str, parameters: object) -> list[dict[str, Any]]:
        arguments.append(parameters)
        return [] if "workflow_decisions" in sql else rows

    warehouse = MemoryWarehouse(answer=answer)
    report = read_discovery(warehouse, "prod", searching(), "one", DAY, at("10:00"))
    assert report is not None
    assert report == report_at(at("10:00"), list(beat_of(30)))
    looks, followed = arguments
    assert looks["searched_scrapers"] == ["bulletin"]
    assert looks["with_failures"] is True
    assert (looks["first_game_date"], looks["last_game_date"]) == (DAY - timedelta(days=120), DAY)
    assert (followed["first_partition"], followed["last_partition"]) == (
        DAY - timedelta(days=1),
        DAY + timedelta(days=2),
    )


def test_checks_are_read_from_decision_in_dataset() -> None:
    result = json.dumps({"strategy": "learned", "model": "m-1", "checks": ["2025-01-15T17:00:00+00:00"]})

    def answer(sql: str, _: object) -> list[dict[str, Any]]:
        return [{"discovery": result}] if "workflow_decisions" in sql else rows_of(beat_of(30))

    warehouse = MemoryWarehouse(answer=answer)
    report = read_discovery(warehouse, "prod", searching(), "one", DAY, at("10:00"))
    assert report is not None
    assert [check.at for check in report.checks] == [at("12:00")]
    assert report.followed_model == "m-1"


FAN_OUT = configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"}))


@pytest.mark.parametrize(
    "configuration", [FAN_OUT, searching(days=["thu"])], ids=["of several documents", "on another weekday"]
)
def test_unlearnable_day_runs_no_query(configuration: Configuration) -> None:
    down = MemoryWarehouse(down=True)
    assert read_discovery(down, "prod", configuration, "one", DAY, at("10:00")) is None
    assert build_report(configuration, "one", DAY, [], at("10:00")) is None


# Texts for users


@pytest.mark.parametrize(
    ("days", "strategy", "message"),
    [
        (
            30,
            "learned",
            "learned, model {model} of 30 days, 2024-12-16 to 2025-01-14, off by {off:.0f} points",
        ),
        (2, "learned", "fixed beat, few_days: 2 known days, and 5 are needed"),
        (
            1,
            "fixed",
            "fixed beat, as configured; to learn from: model {model} of 1 day, 2025-01-14 to 2025-01-14",
        ),
        (0, "fixed", "fixed beat, as configured; to learn from: nothing yet"),
    ],
)
def test_headline_names_strategy_model_and_days(days: int, strategy: str, message: str) -> None:
    report = report_at(at("10:00"), list(beat_of(days)), strategy)
    model = report.plan.model
    assert model is not None
    assert report.headline == message.format(model=model.version, off=100 * (model.calibration or 0))


def test_check_states_have_display_texts() -> None:
    assert {state.label for state in CheckState} == {
        "planned",
        "found it",
        "nothing yet",
        "failed",
        "not made",
        "not needed",
    }


def test_a_plan_agrees_with_the_model_that_decisions_name() -> None:
    learned, beat = list(beat_of(30)), list(beat_of(2))
    for known, agrees in ((learned, True), (beat, False)):
        model = report_at(at("10:00"), known).plan.model
        assert model is not None
        followed = {"strategy": "learned", "model": model.version}
        assert report_at(at("10:00"), known, followed=followed).agrees is agrees


def test_curve_has_five_minute_bins_up_to_window_close() -> None:
    schedule = discovery("11:00", "11:58", every="10m")
    configuration = configured(one=workflow(schedule, "bulletin", discovery={"strategy": "learned"}))
    report = build_report(configuration, "one", DAY, list(beat_of(30, "11:10")), at("10:00"))
    assert report is not None
    starts = [at("11:00") + number * timedelta(minutes=5) for number in range(12)]
    assert [item.starts for item in report.curve] == starts
    assert [item.ends for item in report.curve] == [*starts[1:], at("11:58")]


# The states of half-hourly checks


def states(now: datetime, *today: ExecutionFact, followed: object = None) -> list[CheckState]:
    facts = [*beat_of(30), *today]
    return [check.state for check in report_at(now, facts, "fixed", followed).checks]


def just_at(clock: str, *, found: bool) -> ExecutionFact:
    return replace(look(DAY, at(clock), found=found), triggered_at=at(clock))


def test_execution_belongs_to_check_at_or_before_its_start() -> None:
    early, last = just_at("17:50", found=False), just_at("18:00", found=False)
    assert states(at("18:30"), early)[-2:] == [CheckState.IN_VAIN, CheckState.NOT_MADE]
    assert states(at("18:30"), last)[-2:] == [CheckState.NOT_MADE, CheckState.IN_VAIN]
    assert states(at("18:30"), just_at("18:15", found=False))[-1] is CheckState.NOT_MADE


def test_find_at_instant_of_check_counts_for_the_check() -> None:
    assert states(at("11:30"), just_at("11:30", found=True))[1:3] == [CheckState.FOUND, CheckState.NOT_NEEDED]


@pytest.mark.parametrize(
    ("late", "state"),
    [
        (timedelta(minutes=15) - timedelta(seconds=1), CheckState.PLANNED),
        (timedelta(minutes=15), CheckState.NOT_MADE),
    ],
)
def test_check_is_reported_not_made_after_fifteen_minutes(late: timedelta, state: CheckState) -> None:
    assert states(at("11:30") + late)[1] is state


def test_decisions_without_checks_mean_fixed_beat() -> None:
    followed = {"strategy": "fixed", "fallback": "day_begun"}
    report = report_at(at("10:00"), list(beat_of(30)), followed=followed)
    assert report.plan.learned
    assert [check.at for check in report.checks] == [
        at("11:00") + n * timedelta(minutes=30) for n in range(15)
    ]
    assert report.followed_model is None

"""Tests of a decision's inputs: plans that have begun, and sources that asked for a pause."""

from datetime import timedelta

import pytest

from tests.support.controller import (
    at,
    calendar,
    configured,
    decision_inputs,
    discovery,
    fact,
    failed,
    history,
    plan_of,
    workflow,
)
from tipoff_planning.progress import PlanProgress

REPORT = configured(one=workflow(discovery("11:00", "14:00"), "bulletin"))


def test_given_plan_progress_is_used() -> None:
    plan = plan_of(REPORT, "one")
    inputs = decision_inputs(REPORT, at("11:15"))
    kept = PlanProgress(plan, inputs.request_records)
    inputs = decision_inputs(REPORT, at("11:15"), standings={plan.occurrence_id: kept})
    assert inputs.standing(plan.occurrence_id) is kept
    assert inputs.standing("another") is None


def test_plan_progress_is_computed_if_not_given() -> None:
    plan = plan_of(REPORT, "one")
    found = decision_inputs(REPORT, at("11:15"), plans={"o": plan}).standing("o")
    assert found is not None
    assert found.plan is plan


@pytest.mark.parametrize(
    ("scraper", "waits"),
    [
        ("bulletin", True),
        ("digest", True),  # uses the host that asked for a pause
        ("summary", False),  # has no host
        ("gone", False),  # the scraper was removed after the plan was frozen
    ],
)
def test_scrapers_of_paused_host_wait_until_pause_ends(scraper: str, waits: bool) -> None:
    known = fact("bulletin", outcome=failed(), not_before=at("12:00"), paused_host="news.example")

    def paused_until(clock: str) -> object:
        return decision_inputs(REPORT, at(clock), history=history(known)).paused_until(scraper)

    assert paused_until("11:59") == (at("12:00") if waits else None)
    assert paused_until("12:00") is None


@pytest.mark.parametrize(
    ("age", "stale"), [(timedelta(hours=36), False), (timedelta(hours=36, seconds=1), True)]
)
def test_the_calendar_is_stale_when_older_than_the_configuration_allows(age: timedelta, stale: bool) -> None:
    assert (
        decision_inputs(REPORT, at("12:00"), games=calendar(fetched_at=at("12:00") - age)).calendar_is_stale
        is stale
    )

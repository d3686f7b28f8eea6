"""Tests of a search's history: from the execution log to the input of the model."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from tests.support.controller import DAY, NO_DATA, SUCCESS, at, configured, daily, discovery, fact, workflow
from tipoff_common.outcomes import Status
from tipoff_planning.discovery.intervals import PublicationHistory, PublicationInterval
from tipoff_planning.discovery.searches import cannot_learn, history_of, search_of
from tipoff_planning.history import ExecutionFact, ReportedCompleteness
from tipoff_planning.workflows import Configuration

YESTERDAY = DAY - timedelta(days=1)


def searching(**more: object) -> Configuration:
    schedule = discovery("11:00", "18:00", every="30m", **more)
    return configured(one=workflow(schedule, "bulletin", discovery={"strategy": "learned"}))


def saw(
    moment: datetime, *, found: bool, game_date: date = YESTERDAY, scraper: str = "bulletin"
) -> ExecutionFact:
    outcome = SUCCESS if found else NO_DATA
    return fact(scraper, outcome=outcome, game_date=game_date, triggered_at=moment)


def learned(
    *facts: ExecutionFact, configuration: Configuration | None = None, now: datetime | None = None
) -> PublicationHistory:
    configuration = configuration or searching()
    search = search_of(configuration, "one", DAY)
    assert search is not None
    return history_of(search, facts, configuration, now or at("10:00"))


IN_VAIN = saw(at("11:00", YESTERDAY), found=False)
FOUND = saw(at("12:00", YESTERDAY), found=True)
HOUR = PublicationInterval(YESTERDAY, 0, 60)


def test_day_without_window_and_daily_workflow_have_no_search() -> None:
    assert search_of(searching(days=["thu"]), "one", DAY) is None
    assert search_of(configured(one=workflow(daily(), "bulletin")), "one", DAY) is None


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        (searching(), None),
        (
            configured(one=workflow(daily(), "bulletin")),
            "one is of kind daily; only discovery searches for a publication",
        ),
        (
            configured(one=workflow(discovery(), "bulletin", "slate")),
            "one searches several documents; only one publication time can be learned",
        ),
        (
            configured(one=workflow(discovery(), {"scraper": "roster", "for_each": "team"})),
            "one searches several documents; only one publication time can be learned",
        ),
    ],
    ids=["a search", "no search", "two steps", "a fan-out"],
)
def test_unlearnable_workflow_has_reason(configuration: Configuration, why: str | None) -> None:
    assert cannot_learn(configuration, "one") == why


def test_other_scrapers_and_failed_executions_do_not_count() -> None:
    other = saw(at("11:30", YESTERDAY), found=True, scraper="slate")
    broken = replace(saw(at("11:30", YESTERDAY), found=True), status=Status.FAILED)
    assert learned(IN_VAIN, other, broken, FOUND).intervals == (HOUR,)


@pytest.mark.parametrize(
    ("ahead", "is_error"),
    [(timedelta(minutes=-1), False), (timedelta(minutes=5), False), (timedelta(minutes=5, seconds=1), True)],
)
def test_row_over_five_minutes_ahead_is_clock_error(ahead: timedelta, is_error: bool) -> None:
    now = at("12:00", YESTERDAY)
    history = learned(IN_VAIN, saw(now + ahead, found=True), now=now)
    assert history.contradictory == ((YESTERDAY,) if is_error else ())


def test_search_about_yesterday_uses_window_of_next_day() -> None:
    before = YESTERDAY - timedelta(days=1)
    facts = (replace(IN_VAIN, game_date=before), replace(FOUND, game_date=before))
    history = learned(*facts, configuration=searching(about="yesterday"))
    assert history.intervals == (PublicationInterval(before, 0, 60),)


@pytest.mark.parametrize(("until", "before"), [("found", 60), ("complete", None)])
def test_incomplete_document_is_find_unless_until_complete(until: str, before: float | None) -> None:
    lacking = replace(FOUND, completeness=ReportedCompleteness(expected=2, missing=("A@B",)))
    (interval,) = learned(IN_VAIN, lacking, configuration=searching(until=until)).intervals
    assert interval.before == before

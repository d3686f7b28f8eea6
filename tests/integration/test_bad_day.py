"""A day on which sources refuse, fail or send HTML while the warehouse is down: each failure has its own kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pytest
from stack_harness import EMBEDDED, INJURIES, SCHEDULE, SCHEDULE_PATH, Driver, as_json, until

from scrapers.nbacom.nbac_injury_report.fetching import PROBE_URL
from tipoff_common.events import Tick

BY_HAND = "2026-01-01T00:00:00Z"
"""A fault since this instant affects manual runs, which use the wall clock, and no replayed days."""


@dataclass(frozen=True)
class BadDay:
    """The game day of each fault, and the tick that came while the warehouse was down."""

    driver: Driver
    refused: date
    page: date
    broken: date
    ticked: date
    tick: datetime


@pytest.fixture(scope="module")
def bad_day(embedded_stack: Driver, days: Mapping[str, Iterator[date]]) -> Iterator[BadDay]:
    """All faults at once, because each takes its time to use up budgets and pass deadlines."""
    driver = embedded_stack
    refused, page, broken, ticked = (next(days[EMBEDDED]) for _ in range(4))
    driver.fault(SCHEDULE_PATH, status=500, since=BY_HAND)
    driver.fault(f"*/Injury-Report_{page}_*", body="html")
    for path in (f"*/Injury-Report_{refused}_*", f"*/{PROBE_URL.rsplit('/', 1)[1]}"):
        driver.fault(path, status=403)
    with driver.down("bigquery"):
        tick = driver.tick(Tick.EVALUATE, ticked, 5)
        driver.run_workflow("morning_operations", broken)
        for day in (page, refused):
            driver.run_workflow("injury_discovery", day)
        until(lambda: driver.waiting("logger-executions") >= 7, "all executions to wait for their rows")
        until(lambda: driver.waiting("controller-ticks") == 0, "the tick to be dealt with")
        assert driver.waiting("logger-decisions") > 0
    driver.settle()
    yield BadDay(driver, refused, page, broken, ticked, tick)
    driver.heal()


def test_403_for_everything_is_blocked(bad_day: BadDay) -> None:
    """Incident 5: 403 for nine days was read as "not published yet". An immediate retry would not help."""
    (row,) = bad_day.driver.executions(bad_day.refused, INJURIES)
    assert (row["status"], row["error_type"], row["attempt"]) == ("failed", "blocked", 1)
    assert "403" in row["error_message"]


def test_html_page_is_blocked_and_its_first_bytes_are_reported(bad_day: BadDay) -> None:
    (row,) = bad_day.driver.executions(bad_day.page, INJURIES)
    assert (row["status"], row["error_type"], row["attempt"]) == ("failed", "blocked", 1)
    assert "<!DOCTYPE html>" in row["error_message"]


def test_broken_source_is_retried_until_budget_is_used(bad_day: BadDay) -> None:
    """Incident 6. Each attempt is a row of its own; retry_count counts the HTTP retries within it."""
    rows = bad_day.driver.executions(bad_day.broken, SCHEDULE, count=4)
    assert [row["attempt"] for row in rows] == [1, 2, 3, 4]
    assert {(row["status"], row["error_type"], row["retry_count"]) for row in rows} == {("failed", "http", 2)}
    assert all("500" in row["error_message"] for row in rows)
    assert len({row["request_id"] for row in rows}) == 4
    assert len({row["occurrence_id"] for row in rows}) == 1


def test_decisions_without_warehouse_use_ledger_and_flag_stale_history(bad_day: BadDay) -> None:
    (decision,) = bad_day.driver.decisions("morning_operations", bad_day.tick)
    assert (decision["action"], as_json(decision["context"])["history_stale"]) == ("RUN", True)
    (execution,) = bad_day.driver.executions(bad_day.ticked, SCHEDULE)
    assert (execution["decision_id"], execution["status"]) == (decision["decision_id"], "success")

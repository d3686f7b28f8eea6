"""A pause, from the command through a running stack to its rows, its effect on decisions, and its end."""

from __future__ import annotations

from datetime import timedelta

from stack_harness import SCHEDULE, Driver, at, until

from tipoff_common.clock import business_date
from tipoff_common.events import Tick
from tipoff_common.wall_clock import wall_now

WHY = "the source moves tonight"
EVENTS = """
SELECT state, target, why, changed_by FROM nba_orchestration.pause_events
WHERE name = 'morning_operations' ORDER BY changed_at
"""
EXPECTED = """
SELECT status FROM nba_orchestration.expected_vs_actual(@as_of, @day) WHERE workflow_name = 'morning_operations'
"""


def test_workflow_paused_by_command_is_skipped_until_resumed(embedded: Driver) -> None:
    driver = embedded
    # A pause begins at the wall clock's now, so only tomorrow's runs fall into it.
    day = business_date(wall_now()) + timedelta(days=1)
    driver.tick(Tick.LOCK_SCHEDULE, day, 5)
    driver.settle()

    output = driver.tipoff("pause", "morning_operations", "--for", "72h", "--why", WHY)
    assert "workflow morning_operations is paused until" in output
    assert WHY in driver.tipoff("pauses")
    (row,) = until(lambda: driver.rows(EVENTS), "the row of the pause")
    assert (row["state"], row["target"], row["why"]) == ("paused", "workflow", WHY)

    for minute in (0, 15):
        tick = driver.tick(Tick.EVALUATE, day, 5, minute)
        driver.settle()
        (decision,) = driver.decisions("morning_operations", tick)
        assert (decision["action"], decision["reason_code"]) == ("SKIP", "paused")
        assert WHY in decision["reason"]

    explained = " ".join(driver.tipoff("explain", "morning_operations", "--at", f"{day} 05:20").split())
    assert "✘ pause paused by" in explained
    assert "SKIP paused: Paused by" in explained
    assert explained.count(WHY) == 2
    assert "✘ pause" in " ".join(driver.tipoff("explain", "morning_operations").split())

    late = at(day, 10, 30)
    assert [row["status"] for row in driver.rows(EXPECTED, as_of=late, day=day)] == ["PAUSED"]
    options = ("--workflow", "morning_operations", "--as-of", f"{day} 10:30")
    shown = " ".join(driver.tipoff("status", *options).split())
    assert "paused by" in shown
    assert WHY in shown

    assert "resumes with the next evaluation" in driver.tipoff("resume", "morning_operations")
    assert [row["state"] for row in until(lambda: driver.rows(EVENTS)[1:], "the row of its end")] == [
        "resumed"
    ]
    explained = driver.tipoff("explain", "morning_operations", "--at", f"{day} 05:20")
    assert "RUN due" in explained
    assert WHY not in explained
    tick = driver.tick(Tick.EVALUATE, day, 5, 30)
    (decision,) = driver.decisions("morning_operations", tick)
    assert decision["action"] == "RUN"
    driver.executions(day, SCHEDULE)
    assert [row["status"] for row in driver.rows(EXPECTED, as_of=late, day=day)] in (["ON_TIME"], ["LATE"])

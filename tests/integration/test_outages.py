"""Parts of the cloud and the services fail in the middle of their work; nothing is lost and nothing is done twice."""

from __future__ import annotations

import signal
from datetime import date

import pytest
from stack_harness import INJURIES, SCHEDULE, Driver, last_report, until

from tipoff_common.events import ScrapeRequested, Tick


def test_a_request_waits_for_a_runner_that_was_killed(either: Driver, day: date) -> None:
    """It is delivered again until somebody takes it: once in the log, asked for once."""
    with either.down("scraper-runner"):
        (request,) = either.run_workflow("injury_discovery", day)["requests"]
    (execution,) = either.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    assert either.asked(last_report(day)) == 1


def test_a_runner_killed_between_its_outcome_and_its_events_publishes_without_fetching_again(
    driver: Driver, day: date
) -> None:
    """Pub/Sub is stopped while the source is being read, so the outcome is written down and nothing gets out; then
    the runner dies. The delivery after that finds the outcome."""
    path = last_report(day)
    driver.fault(path, delay_seconds=1.0, times=1)
    (request,) = driver.run_workflow("injury_discovery", day)["requests"]
    until(lambda: driver.asked(path), "the source to be asked")
    with driver.paused("pubsub"):
        name = f"runner/outcomes/{day}/{request['request_id']}.json"
        until(lambda: driver.stack.state.get(name), "the outcome to be written down")
        driver.kill("scraper-runner")
    assert (
        driver.rows(
            "SELECT 1 FROM nba_orchestration.scraper_execution_log WHERE request_id = @id",
            id=request["request_id"],
        )
        == []
    ), "nothing got out before the runner died"
    driver.stack.restart("scraper-runner")
    (execution,) = driver.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    driver.settle()
    assert driver.asked(path) == 1
    assert len(driver.executions(day, INJURIES)) == 1


def test_a_runner_told_to_stop_finishes_what_it_is_doing(driver: Driver, day: date) -> None:
    path = last_report(day)
    driver.fault(path, delay_seconds=2.0, times=1)
    (request,) = driver.run_workflow("injury_discovery", day)["requests"]
    until(lambda: driver.asked(path), "the source to be asked")
    driver.signal("scraper-runner", signal.SIGTERM)
    ended = driver.ended("scraper-runner")
    finished = driver.stack.state.get(f"runner/outcomes/{day}/{request['request_id']}.json")
    driver.stack.restart("scraper-runner")
    assert ended in (0, -signal.SIGTERM)  # uvicorn ends as the signal would have ended it
    assert finished is not None
    (execution,) = driver.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    assert driver.asked(path) == 1


@pytest.mark.parametrize("service", ["controller", "logger"])
def test_a_service_told_to_stop_while_ticks_come_in_loses_none(
    driver: Driver, day: date, service: str
) -> None:
    instants = [driver.tick(Tick.EVALUATE, day, hour) for hour in (5, 6, 7)]
    driver.signal(service, signal.SIGTERM)
    instants += [driver.tick(Tick.EVALUATE, day, hour) for hour in (8, 9)]
    driver.ended(service)
    driver.stack.restart(service)
    driver.settle()
    decisions = [driver.decisions("morning_operations", instant) for instant in instants]
    assert [len(rows) for rows in decisions] == [1] * 5
    assert len(driver.executions(day, SCHEDULE)) == 1


def test_while_the_buckets_are_down_nothing_is_done_and_nothing_is_lost(driver: Driver, day: date) -> None:
    """What cannot be written down is not done: no decision, no fetch. Ticks and requests stay with Pub/Sub, and
    somebody who asks by hand is told."""
    body = {"game_date": day.isoformat()}
    runs = "/workflows/injury_discovery/runs"
    (drafted,) = driver.post("controller", f"{runs}?dry_run=true", json=body).json()["requests"]
    with driver.down("storage"):
        assert driver.post("controller", runs, json=body).status_code == 503
        driver.tick(Tick.EVALUATE, day, 5)
        driver.stack.publisher.publish([ScrapeRequested.model_validate(drafted)])
        for subscription in ("controller-ticks", "runner-requests"):
            until(lambda name=subscription: driver.waiting(name), f"{subscription} to keep its message")
        assert driver.asked(last_report(day)) == 0
    driver.settle()
    (execution,) = driver.executions(day, SCHEDULE)
    assert (execution["source"], execution["status"]) == ("CONTROLLER", "success")
    (execution,) = driver.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (drafted["request_id"], "success")
    assert driver.asked(last_report(day)) == 1

"""Outages of the cloud and crashes of services in the middle of their work: no event is lost, no work done twice."""

from __future__ import annotations

import json
import signal
import time
from datetime import date

import pytest
from stack_harness import INJURIES, SCHEDULE, Driver, at, last_report, summary, until
from tests.support.samples import requested

from scrapers.teams import TEAMS as KNOWN_TEAMS
from tipoff_common.events import ScrapeRequested, Tick

TEAMS = [team.tricode for team in KNOWN_TEAMS][:22]


def test_request_waits_for_restart_of_killed_runner(driver: Driver, day: date) -> None:
    """Pub/Sub delivers the request until a runner acknowledges it: it is logged once and fetched once."""
    with driver.down("scraper-runner"):
        (request,) = driver.run_workflow("injury_discovery", day)["requests"]
    (execution,) = driver.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    assert driver.request_count(last_report(day)) == 1


def test_runner_killed_after_storing_outcome_publishes_without_refetch(embedded: Driver, day: date) -> None:
    """Pub/Sub is suspended during the fetch, so the outcome is stored without its events; then the runner is killed.

    The next delivery finds the outcome.
    """
    path = last_report(day)
    embedded.fault(path, held=True, times=1)
    (request,) = embedded.run_workflow("injury_discovery", day)["requests"]
    until(lambda: embedded.request_count(path), "the source to be asked")
    with embedded.paused("pubsub"):
        embedded.heal()
        name = f"runner/outcomes/{day}/{request['request_id']}.json"
        until(lambda: embedded.stack.state.get(name), "the outcome to be written down")
        embedded.kill("scraper-runner")
    assert (
        embedded.rows(
            "SELECT 1 FROM nba_orchestration.scraper_execution_log WHERE request_id = @id",
            id=request["request_id"],
        )
        == []
    ), "nothing got out before the runner died"
    embedded.stack.restart("scraper-runner")
    (execution,) = embedded.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    embedded.settle()
    assert embedded.request_count(path) == 1
    assert len(embedded.executions(day, INJURIES)) == 1


def test_runner_killed_after_storing_file_does_not_fetch_again(driver: Driver, day: date) -> None:
    """The test writes the state that such a runner leaves: payload with metadata, records, and an expired claim."""
    path = last_report(day)
    driver.run_workflow("injury_discovery", day)
    (result,) = driver.executions(day, INJURIES)
    data, state = driver.stack.data, driver.stack.state
    raw = summary(result)["raw_path"].removeprefix(f"gs://{data.bucket}/")
    with driver.down("scraper-runner"):
        (request,) = driver.run_workflow("injury_discovery", day)["requests"]
        assert data.annotate(raw, {"fetched-for": request["request_id"]})
        claim = {"holder": "a runner that was killed", "until": "2025-01-01T00:00:00Z", "released": True}
        state.create(f"runner/claims/{day}/{request['request_id']}.json", json.dumps(claim).encode())
    execution = next(
        row
        for row in driver.executions(day, INJURIES, count=2)
        if row["execution_id"] == request["request_id"]
    )
    assert (execution["status"], execution["gcs_path"]) == ("success", result["gcs_path"])
    assert summary(execution) == summary(result)
    assert driver.request_count(path) == 1


@pytest.mark.slow
def test_runner_suspended_during_fan_out_fetches_each_request_once(embedded: Driver, day: date) -> None:
    """Redeliveries find the claims. Regression: 22 requests once became 67 fetches."""
    before = embedded.requested_paths("site.api.espn.com/")
    embedded.stack.publisher.publish([_roster(team, day) for team in TEAMS])

    def fetched() -> dict[str, int]:
        return {
            path: count - before.get(path, 0)
            for path, count in embedded.requested_paths("site.api.espn.com/").items()
            if count > before.get(path, 0)
        }

    until(lambda: len(fetched()) >= 3, "the fan-out to be under way")
    with embedded.paused("scraper-runner"):
        time.sleep(30)
    executions = until(
        lambda: (rows := embedded.rows(ROSTERS, day=day)) and len(rows) >= len(TEAMS) and rows,
        "an execution of each request",
        seconds=150,
    )
    assert {row["status"] for row in executions} == {"success"}
    assert len(executions) == len(TEAMS)
    assert list(fetched().values()) == [1] * len(TEAMS)


def _roster(team: str, day: date) -> ScrapeRequested:
    return requested(
        request_id=f"stopped-{team}",
        scraper="espn_roster",
        game_date=day,
        parameters={"game_date": day.isoformat(), "team": team},
        event_time=at(day, 12),
    )


ROSTERS = """
SELECT request_id, ANY_VALUE(status) AS status FROM nba_orchestration.scraper_execution_log
WHERE scraper_name = 'espn_roster' AND game_date = @day GROUP BY request_id
"""


def test_runner_stopped_by_sigterm_finishes_its_scrape(driver: Driver, day: date) -> None:
    path = last_report(day)
    driver.fault(path, held=True, times=1)
    (request,) = driver.run_workflow("injury_discovery", day)["requests"]
    until(lambda: driver.request_count(path), "the source to be asked")
    driver.signal("scraper-runner", signal.SIGTERM)
    driver.heal()
    ended = driver.ended("scraper-runner")
    finished = driver.stack.state.get(f"runner/outcomes/{day}/{request['request_id']}.json")
    driver.stack.restart("scraper-runner")
    assert ended in (0, -signal.SIGTERM)  # uvicorn ends as the signal would have ended it
    assert finished is not None
    (execution,) = driver.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (request["request_id"], "success")
    assert driver.request_count(path) == 1


@pytest.mark.parametrize("service", ["controller", "logger"])
def test_service_stopped_by_sigterm_loses_no_tick(embedded: Driver, day: date, service: str) -> None:
    instants = [embedded.tick(Tick.EVALUATE, day, hour) for hour in (5, 6, 7)]
    embedded.signal(service, signal.SIGTERM)
    instants += [embedded.tick(Tick.EVALUATE, day, hour) for hour in (8, 9)]
    embedded.ended(service)
    embedded.stack.restart(service)
    embedded.settle()
    decisions = [embedded.decisions("morning_operations", instant) for instant in instants]
    # A busy controller refused the tick, and it came again.
    made = [[row["occurrence_id"] for row in rows if row["action"] != "ABORT"] for rows in decisions]
    # A tick after the schedule has landed may also decide to read it again: another occurrence.
    of_all = set.intersection(*map(set, made))
    assert len(of_all) == 1, made
    (of_the_day,) = of_all
    assert [about.count(of_the_day) for about in made] == [1] * 5
    assert all(len(about) == len(set(about)) for about in made)
    fetched = [row["occurrence_id"] for row in embedded.executions(day, SCHEDULE)]
    assert fetched.count(of_the_day) == 1
    assert len(fetched) == len(set(fetched))


def test_bucket_outage_stops_work_and_loses_nothing(embedded: Driver, day: date) -> None:
    """Without a stored decision nothing is published, and without a stored claim nothing is fetched.

    Ticks and requests stay with Pub/Sub, and a manual run is refused with 503.
    """
    body = {"game_date": day.isoformat()}
    runs = "/workflows/injury_discovery/runs"
    (drafted,) = embedded.post("controller", f"{runs}?dry_run=true", json=body).json()["requests"]
    with embedded.down("storage"):
        assert embedded.post("controller", runs, json=body).status_code == 503
        embedded.tick(Tick.EVALUATE, day, 5)
        embedded.stack.publisher.publish([ScrapeRequested.model_validate(drafted)])
        for subscription in ("controller-ticks", "runner-requests"):
            until(lambda name=subscription: embedded.waiting(name), f"{subscription} to keep its message")
        assert embedded.request_count(last_report(day)) == 0
    embedded.settle()
    (execution,) = embedded.executions(day, SCHEDULE)
    assert (execution["source"], execution["status"]) == ("CONTROLLER", "success")
    (execution,) = embedded.executions(day, INJURIES)
    assert (execution["execution_id"], execution["status"]) == (drafted["request_id"], "success")
    assert embedded.request_count(last_report(day)) == 1

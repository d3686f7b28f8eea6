"""Tests of learned searches: stored daily plan, checks between evaluations, explanation in each decision."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    World,
    at,
    configured,
    discovery,
    game,
    per_game,
    slate,
    workflow,
)
from tests.support.threads import MeetingDict
from tipoff_common.events import (
    Action,
    Priority,
    ScheduleState,
    ScrapeRequested,
    Source,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.outcomes import Outcome, Success
from tipoff_common.ports import Unavailable
from tipoff_controller.handlers import handle_tick
from tipoff_planning.discovery.plans import DiscoveryPlan
from tipoff_planning.workflows import Configuration

FOUND = Success(record_count=3, gcs_path="gs://data/fixture/x.json")
PLAN = f"controller/discovery/{DAY}/one.json"
FIVE = timedelta(minutes=5)


def learning(strategy: str = "learned", **more: object) -> Configuration:
    schedule = discovery("11:00", "18:00", every="30m", **more)
    return configured(
        one=workflow(schedule, "bulletin", discovery={"strategy": strategy}),
        other=workflow(discovery("11:00", "18:00"), "digest"),
    )


def world(days: int = 20, published: str = "14:10", configuration: Configuration | None = None) -> World:
    """Return a controller whose dataset has `days` of half-hourly checks and one publication time for all of them."""
    made = World(configuration or learning())
    made.land(slate(1), at("05:00"))
    for number in range(1, days + 1):
        day = DAY - timedelta(days=number)
        moment = at("11:00", day)
        while True:
            found = moment >= at(published, day)
            log(made, day, moment.strftime("%H:%M"), FOUND if found else NO_DATA, moment)
            if found:
                break
            moment += timedelta(minutes=30)
    return made


def log(made: World, day: date, name: str, outcome: Outcome, moment: Any) -> None:
    request = ScrapeRequested(
        request_id=f"{day}-{name.replace(':', '')}",
        occurrence_id=None,
        decision_id=None,
        workflow="one",
        step="bulletin",
        scraper="bulletin",
        game_date=day,
        parameters={},
        attempt=1,
        source=Source.CONTROLLER,
        priority=Priority.MEDIUM,
        triggered_by="tick",
        config_hash="x",
        requested_at=moment,
    )
    made.execute(request, outcome, instant=moment)


def stored(made: World) -> DiscoveryPlan:
    return DiscoveryPlan.model_validate_json(made.state.get(PLAN) or b"")


def of(made: World, name: str = "one") -> list[WorkflowDecided]:
    return [item for item in made.decisions if item.workflow_name == name]


def discover(made: World, moment: datetime) -> None:
    made.now(moment)
    handle_tick(TickFired(tick=Tick.DISCOVER, cadence_minutes=5), moment, made.deps, moment)


def test_the_lock_plans_the_day_and_expects_its_checks() -> None:
    made = world()
    made.lock()
    plan = stored(made)
    assert plan.learned
    assert plan.model is not None
    assert (plan.model.days, plan.model.last_day) == (20, DAY - timedelta(days=1))
    (locked,) = made.schedules
    expected = [run.expected_run_time for run in locked.runs if run.workflow_name == "one"]
    assert expected == [plan.at(check) for check in plan.checks]
    assert expected != [at("11:00") + number * timedelta(minutes=30) for number in range(15)]


def test_plan_history_includes_first_tip_offs() -> None:
    made = world()
    made.land([game for number in range(21) for game in slate(2, DAY - timedelta(days=number))], at("05:00"))
    made.lock()
    plan = stored(made)
    # Games begin at 19:00, and the window opens at 11:00.
    assert {item.first_tip_off for item in plan.history} == {480.0}
    assert plan.model is not None
    assert plan.model.tip_off_weight is not None


def test_a_plan_is_made_once_and_kept_by_a_new_process() -> None:
    made = world()
    made.lock()
    first = stored(made)
    log(made, DAY - timedelta(days=1), "late", NO_DATA, at("17:00", DAY - timedelta(days=1)))
    made.restart()
    made.tick(at("10:30"))
    made.lock()
    assert stored(made) == first


def test_first_written_plan_wins() -> None:
    made = world()
    made.lock()
    first = stored(made)
    other = first.model_copy(update={"budget": 3})
    assert made.deps.discovery.remember(other) == first


def test_concurrent_plans_evict_two_oldest_plans() -> None:
    made = world()
    made.lock()
    first, store = stored(made), made.deps.discovery
    store._cache = MeetingDict({(str(number), DAY): first for number in range(500)})
    days = [DAY + timedelta(days=number) for number in (1, 2)]
    with ThreadPoolExecutor(2) as threads:
        plans = [first.model_copy(update={"day": day}) for day in days]
        for written in [threads.submit(store.remember, plan) for plan in plans]:
            written.result()
    kept = list(store._cache)
    assert (kept[0], sorted(kept[-2:])) == (("2", DAY), [("one", day) for day in days])


def test_evaluation_plans_day_when_lock_is_missing() -> None:
    made = world()
    made.tick(at("04:30"))
    assert made.state.get(PLAN) is None
    made.tick(at("10:15"))
    assert stored(made).learned


def test_nothing_is_read_while_all_locks_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """No execution can be noted while an evaluation holds the locks, and a query takes up to 40 s."""
    searched = workflow(discovery("11:00", "18:00"), "bulletin", discovery={"strategy": "learned"})
    made = world(configuration=configured(one=searched, games=workflow(per_game(), "box_score")))
    tomorrow = DAY + timedelta(days=1)
    evening = game(900, at("19:00", tomorrow))
    made.land([evening], at("05:01"))
    made.lock(tomorrow)
    made.bus.published.clear()
    # Today's schedule was never locked, and tomorrow's runs of the postponed game are dropped unless they have begun.
    made.land([evening.model_copy(update={"postponed": True})], at("06:00"))
    all_locked, answer, check = made.deps.occurrences.all_locked, made.warehouse.answer, made.state.check
    held, during = [False], []

    @contextmanager
    def holding() -> Iterator[None]:
        with all_locked():
            held[0] = True
            yield
        held[0] = False

    def queried(sql: str, parameters: Any) -> Any:
        during.append(("query", held[0]))
        return answer(sql, parameters)

    def called() -> None:
        during.append(("bucket", held[0]))
        check()

    monkeypatch.setattr(made.deps.occurrences, "all_locked", holding)
    made.warehouse.answer = queried
    monkeypatch.setattr(made.state, "check", called)
    made.tick(at("08:00"))
    assert set(during) == {("query", False), ("bucket", False)}
    assert {(event.date, run.state) for event in made.schedules for run in event.runs} >= {
        (DAY, ScheduleState.EXPECTED),
        (tomorrow, ScheduleState.CANCELLED),
    }


def test_window_already_open_keeps_fixed_beat() -> None:
    made = world()
    made.tick(at("11:15"))
    assert (stored(made).fallback, stored(made).checks) == ("day_begun", ())
    (decision,) = of(made)
    assert decision.action is Action.RUN
    assert "the window had opened before the day was planned" in decision.reason


def unavailable(*_: object) -> list[dict[str, Any]]:
    raise Unavailable("no")


def test_failed_history_query_is_repeated_until_window_opens() -> None:
    made = world()
    answer, made.warehouse.answer = made.warehouse.answer, unavailable
    made.lock()
    made.tick(at("10:30"))
    assert made.state.get(PLAN) is None
    made.warehouse.answer = answer
    made.tick(at("10:45"))
    plan = stored(made)
    assert plan.learned
    # The lock expected the fixed beat, and its change expects the learned checks.
    *_, changed = made.schedules
    added = [run.expected_run_time for run in changed.runs if run.state == ScheduleState.ADDED]
    assert added == [plan.at(check) for check in plan.checks]


def test_dataset_unavailable_until_window_opens_leaves_fixed_beat() -> None:
    made = world()
    made.warehouse.answer = unavailable
    made.lock()
    made.tick(at("10:45"))
    assert made.state.get(PLAN) is None
    made.tick(at("11:00"))
    assert (stored(made).fallback, stored(made).checks) == ("history_unavailable", ())


def test_fallback_of_late_ticks_names_the_failed_query() -> None:
    """Every tick arrives a moment after its instant; the reason was then that the window had opened before."""
    made = world()
    made.warehouse.answer = unavailable
    made.lock()
    for clock in ("10:30", "10:45", "11:00"):
        made.tick(at(clock), wall=at(clock) + timedelta(seconds=2))
    assert (stored(made).fallback, stored(made).checks) == ("history_unavailable", ())


def test_unreadable_plan_is_recomputed_but_not_overwritten() -> None:
    made = world()
    made.state.create(PLAN, b"{")
    made.lock()
    assert made.state.get(PLAN) == b"{"
    (locked,) = made.schedules
    reasons = [run.reason for run in locked.runs if run.workflow_name == "one"]
    assert reasons
    assert all("learned discovery" in reason for reason in reasons)


def test_check_between_evaluations_runs_on_discover_tick() -> None:
    made = world()
    made.lock()
    plan = stored(made)
    check = next(
        moment for moment in map(plan.at, plan.checks) if moment.minute % 15
    )  # a check that no evaluation coincides with
    made.take(WorkflowDecided)
    discover(made, check)
    assert [item.workflow_name for item in made.decisions] == ["one"]
    (request,) = [item for item in made.requests if item.scraper == "bulletin"]
    assert request.requested_at == check
    context = made.decisions[0].context["discovery"]
    assert isinstance(context, dict)
    assert context["model"] == plan.model.version  # type: ignore[union-attr]


def test_discover_tick_decides_only_search_faster_than_evaluations() -> None:
    """A fast workflow does not cause more evaluations of a slow one."""
    configuration = configured(
        fast=workflow(discovery("11:00", "12:00", every="5m"), "bulletin"),
        slow=workflow(discovery("11:00", "18:00", every="1h"), "digest"),
    )
    made = world(configuration=configuration)
    made.take(WorkflowDecided)
    for clock in ("11:05", "11:10", "11:15", "11:20"):
        discover(made, at(clock))  # at 11:15 the regular evaluation decides
    assert [(item.workflow_name, f"{item.decision_time:%M}") for item in made.decisions] == [
        ("fast", "05"),
        ("fast", "10"),
        ("fast", "20"),
    ]
    discover(made, at("13:05"))
    assert len(made.decisions) == 3


def test_discover_tick_without_check_decides_and_queries_nothing() -> None:
    made = world()
    made.lock()
    planned = set(map(stored(made).at, stored(made).checks))
    made.queries.clear()
    idle = next(
        moment
        for moment in (at("12:05") + number * FIVE for number in range(60))
        if moment not in planned and moment.minute % 15
    )
    discover(made, idle)
    assert (made.decisions, made.queries) == ([], [])


def test_discover_tick_at_evaluation_instant_decides_nothing() -> None:
    made = world()
    made.lock()
    made.take(WorkflowDecided)
    for clock in ("14:00", "14:15", "14:30"):
        discover(made, at(clock))
    assert made.decisions == []


def test_next_evaluation_makes_check_of_lost_tick() -> None:
    made = world()
    made.lock()
    plan = stored(made)
    check = next(moment for moment in map(plan.at, plan.checks) if moment.minute % 15)
    made.tick(check + timedelta(minutes=15 - check.minute % 15))
    assert [item.scraper for item in made.requests].count("bulletin") >= 1


def test_found_document_ends_checks_of_day() -> None:
    made = world()
    made.lock()
    plan = stored(made)
    first, *others = map(plan.at, plan.checks)
    made.tick(first)
    made.run(next(item for item in made.requests if item.scraper == "bulletin"), FOUND)
    for moment in others:
        made.tick(moment)
    assert len([item for item in made.requests if item.scraper == "bulletin"]) == 1
    assert of(made)[-1].reason_code == "already_found"


@pytest.mark.parametrize("strategy", ["fixed", "learned"])
def test_only_searches_that_learn_are_planned(strategy: str) -> None:
    made = world(configuration=learning(strategy))
    made.lock()
    assert (made.state.get(PLAN) is not None) == (strategy == "learned")
    assert made.state.get(f"controller/discovery/{DAY}/other.json") is None


def test_stored_plan_is_small_and_describes_its_model() -> None:
    made = world(days=80)
    made.lock()
    body = made.state.get(PLAN) or b""
    document = json.loads(body)
    assert len(body) < 20_000
    assert document["version"] == 1
    assert document["model"]["first_day"] == str(DAY - timedelta(days=80))
    assert document["model"]["calibration"] is not None

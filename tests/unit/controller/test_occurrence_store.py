"""Tests of occurrence logs: summaries, unreadable entries, and logs of the previous version."""

import importlib
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest

from tests.support import earlier_layout
from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    ClockedObjects,
    World,
    at,
    at_times,
    configured,
    discovery,
    failed,
    fixture_file,
    ids,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.events import Action, ScrapeRequested, WorkflowDecided
from tipoff_common.ports import Unavailable
from tipoff_controller import names
from tipoff_controller.occurrence_store import SUMMARY_EVERY, Key, OccurrenceStore
from tipoff_planning.drafts import request
from tipoff_planning.occurrence_log import Entry, log_execution
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress
from tipoff_planning.workflows import Configuration

WIDE = configured(
    wide=workflow(
        at_times("06:00"),
        {
            "scraper": "event_props",
            "for_each": {"parameter": "event_id", "values": [f"v{number}" for number in range(200)]},
        },
    )
)
EVENTS = configured(
    props=workflow(
        at_times("06:00"),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "for_each": {"step": "events", "key": "event_id"}},
    )
)
PLANS = fixture_file("plans")


def begun(configuration: Configuration = WIDE) -> World:
    made = World(configuration)
    made.land(slate(2), at("05:00"))
    made.tick(at("06:00"))
    return made


def test_new_process_reads_last_summary_and_later_entries() -> None:
    made = begun()
    requests = made.take(ScrapeRequested)
    for item in requests[: 2 * SUMMARY_EVERY + 5]:
        made.run(item)
    known = made.state_of(requests[0])
    made.restart()
    read: list[str] = []
    answer = made.state.get
    made.state.get = lambda name: (read.append(name), answer(name))[1]  # type: ignore[method-assign]
    again = made.state_of(requests[0])
    assert again.executions == known.executions
    assert again.entry_of == known.entry_of
    assert again.progress is not None
    assert known.progress is not None
    assert again.progress.requested == known.progress.requested
    assert len(read) <= SUMMARY_EVERY + 1


@pytest.mark.parametrize("number", [0, 1, SUMMARY_EVERY])
@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 2, "at": "2025-01-15T11:00:00Z"}'])
def test_unreadable_occurrence_is_rebuilt_from_dataset_with_warning(number: int, damage: bytes) -> None:
    """One unreadable object stopped every decision for four days; it must only cost one occurrence."""
    made = begun()
    requests = made.take(ScrapeRequested)
    done = requests[: number + 3]
    for item in done:
        made.run(item)
    key = Key(DAY, requests[0].occurrence_id or "")
    made.state.bodies[names.entry(*key, number)] = damage
    made.restart()
    made.tick(at("06:15"))
    (result,) = [item for item in made.decisions if item.reason_code == "memory_rebuilt"]
    assert (result.occurrence_id, result.alert_level.value) == (key.occurrence_id, "WARNING")
    assert names.entry(*key, number) in result.reason
    state = made.deps.occurrences.load(key)
    assert set(ids(done)) <= set(state.executions)
    assert state.unreadable == []
    made.restart()
    made.tick(at("06:30"))
    assert len([item for item in made.decisions if item.reason_code == "memory_rebuilt"]) == 1


def test_unreadable_occurrence_stops_no_other_workflow() -> None:
    made = begun(
        configured(
            one=workflow(at_times("06:00"), "bulletin"), two=workflow(discovery("06:00", "09:00"), "digest")
        )
    )
    (first, _) = made.take(ScrapeRequested)
    made.state.bodies[names.entry(DAY, first.occurrence_id or "", 0)] = b"\x00"
    made.state.bodies[names.SETTLED] = b"\x00"
    made.restart()
    made.tick(at("07:00"))
    codes = {
        item.workflow_name: item.reason_code for item in made.decisions if item.decision_time == at("07:00")
    }
    assert codes["two"] == "due"


def test_oversized_fan_out_value_stops_no_tick() -> None:
    """A value of 100 KB was accepted in an execution, and every later tick got a 500."""
    made = begun(EVENTS)
    events = next(item for item in made.requests if item.step == "events")
    made.run(events, keys={"event_id": ("first", "second")}, logged=False)
    name, body = next((n, b) for n, b in made.state.bodies.items() if b'"outputs"' in b)
    made.state.bodies[name] = body.replace(b'"first"', b'"' + b"a" * 100_000 + b'"')
    made.restart()
    for clock in ("06:15", "06:30", "07:00"):
        made.take(WorkflowDecided)
        made.tick(at(clock))
        (decision,) = made.take(WorkflowDecided)
        assert decision.action is Action.SKIP


@pytest.mark.parametrize("where", ["drafts.request", "decisions.find_outstanding"])
def test_undecidable_workflow_aborts_with_alert_and_stops_no_other(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = where.split(".")
    sound = getattr(importlib.import_module(f"tipoff_planning.{module}"), name)

    def poisoned(first: Any, *others: Any) -> Any:
        if first.workflow == "one":
            raise ValueError("a fault that nobody thought of")
        return sound(first, *others)

    monkeypatch.setattr(f"tipoff_planning.{where}", poisoned)
    made = World(
        configured(one=workflow(at_times("06:00"), "bulletin"), two=workflow(at_times("06:00"), "digest"))
    )
    made.land(slate(1), at("05:00"))
    made.tick(at("06:00"))
    result = {item.workflow_name: (item.action.value, item.alert_level.value) for item in made.decisions}
    assert result == {"one": ("ABORT", "CRITICAL"), "two": ("RUN", "NONE")}
    (aborted,) = [item for item in made.decisions if item.workflow_name == "one"]
    assert aborted.reason_code == "undecidable"
    assert "a fault that nobody thought of" in aborted.reason
    assert [item.scraper for item in made.requests] == ["digest"]
    made.tick(at("06:15"))


def test_rebuild_waits_until_dataset_is_available() -> None:
    made = begun()
    (first, *_) = made.take(ScrapeRequested)
    made.state.bodies[names.entry(DAY, first.occurrence_id or "", 0)] = b""
    made.restart()
    made.warehouse.down = True
    made.tick(at("06:15"))
    made.warehouse.down = False
    assert not [item for item in made.decisions if item.reason_code == "memory_rebuilt"]
    made.tick(at("06:30"))
    assert [item for item in made.decisions if item.reason_code == "memory_rebuilt"]


# Logs of the previous version


def earlier(
    name: str, finished: Mapping[str, object], configuration: Configuration = PLANS
) -> tuple[World, Plan, dict[str, ScrapeRequested]]:
    """Return a bucket as the previous version left it during a day: one plan with its requests so far."""
    file = configuration.file.model_copy(update={"workflows": {name: configuration.workflows[name]}})
    made = World(Configuration(file, configuration.catalog, configuration.hash))
    made.land(slate(3), at("05:00"))
    made.now(at("06:00"))
    with_games = made.deps.calendar.current(at("12:00"))
    plan = plan_of(made.configuration, name, with_games)
    earlier_layout.write_plan(made.state, plan)
    standing, requests = PlanProgress(plan), {}
    while due := standing.due(at("06:00")):
        for attempt in due:
            item = request(plan, attempt, at("06:00"))
            requests[item.request_id] = item
            standing.note_requested([item.request_id], at("06:00"))
            earlier_layout.write_requests(made.state, [item])
            if item.step in finished:
                keys = {"event_id": ("e1", "e2")} if item.scraper == "event_list" else {}
                event = made.execute(item, finished[item.step], keys=keys)  # type: ignore[arg-type]
                earlier_layout.write_executions(made.state, [event], made.configuration.subject_parameters)
                logged = log_execution(event, made.configuration.subject_parameters)
                standing.add(logged.fact(DAY), logged.outputs)
    return made, plan, requests


def test_upgrade_during_day_continues_open_occurrence() -> None:
    made, plan, requests = earlier("props", {"events": SUCCESS, "news": SUCCESS})
    made.tick(at("06:05"))
    assert made.requests == [], "what is under way is not requested again"
    open_ones = [item for item in requests.values() if item.step == "props"]
    assert len(open_ones) == 2
    for item in open_ones:
        made.run(item)
    assert [item.step for item in made.requests] == ["join"]
    made.restart()
    assert made.requested() >= set(requests)
    assert made.state_of(open_ones[0]).plan == plan.model_copy(update={"deadline": None})


def test_execution_before_first_tick_continues_plan_of_previous_version() -> None:
    made, _, requests = earlier("sequence", {})
    (first,) = requests.values()
    made.run(first)
    assert [item.step for item in made.requests] == ["event_list"]


def test_request_of_previous_version_still_expires() -> None:
    made, _, requests = earlier("sequence", {})
    made.tick(at("06:15"))
    made.hear()
    assert [item.attempt for item in made.requests] == [2]
    assert set(requests) < made.requested()


def test_manual_run_of_previous_version_continues() -> None:
    made, plan, _ = earlier("sequence", {"bulletin": NO_DATA})
    moved = plan.model_copy(update={"occurrence_id": "manual-1", "game_date": DAY - timedelta(days=60)})
    earlier_layout.write_plan(made.state, moved)
    earlier_layout.write_open_run(made.state, DAY, moved)
    made.tick(at("06:05"))
    (request_,) = made.requests
    assert (request_.occurrence_id, request_.game_date) == ("manual-1", moved.game_date)


@pytest.mark.parametrize(
    "name",
    [
        "controller/open/",
        "controller/open/notes.txt",
        "controller/open/2025-01-15/",
        "controller/open/2025-01-15/x/y",
        "controller/open/2025-99-99/x",
        "controller/open/20250115/x",
        "controller/runs/2025-01-15/",
        "controller/runs/2025-01-15/x",
        "controller/runs/2025-01-15/x/notes.txt",
        "controller/runs/2025-01-15/x/2025-01-15/y",
        "controller/days/2025-01-15/occurrences/",
        "controller/days/2025-01-15/occurrences/notes.txt",
        "controller/days/2025-01-15/occurrences/x/",
        "controller/occurrences/2025-01-15/",
        "controller/occurrences/2025-01-15/x/y/000099.json",
    ],
)
def test_object_of_another_name_stops_no_decision(name: str) -> None:
    """One folder that a person created below the open markers stopped the decisions about every workflow."""
    made = World(WIDE)
    made.land(slate(2), at("05:00"))
    made.state.put(name, b"", content_type="text/plain")
    made.tick(at("06:00"))
    assert [decision.action for decision in made.decisions] == [Action.RUN]
    assert made.deps.occurrences.opened().keys() == {
        Key(item.game_date, item.occurrence_id or "") for item in made.requests
    }
    made.restart()
    assert made.deps.occurrences.logged(DAY) == [*made.deps.occurrences.opened()]


def test_object_below_log_is_no_entry() -> None:
    made = begun()
    (item, *_) = made.requests
    log = names.log(item.game_date, item.occurrence_id or "")
    made.state.put(f"{log}copy/000099.json", b"", content_type="application/json")
    made.restart()
    state = made.state_of(item)
    assert (state.unreadable, state.next_number) == ([], 1)


def test_state_is_reread_after_failed_write() -> None:
    """The write may have succeeded or not, so the state in memory must be read from the bucket again."""
    made = begun()
    (first, second, *_) = made.take(ScrapeRequested)
    event = made.execute(first, failed())
    made.state.down = True
    with pytest.raises(Unavailable):
        made.note(event)
    made.state.down = False
    made.run(second)
    assert first.request_id not in made.state_of(first).executions
    made.note(event)
    assert [item.attempt for item in made.requests] == [2]


def test_two_processes_that_append_at_once_agree() -> None:
    state = ClockedObjects()
    plan = plan_of(WIDE, "wide")
    key = Key(plan.game_date, plan.occurrence_id)
    one, other = OccurrenceStore(state, ()), OccurrenceStore(state, ())
    first = one.load(key)
    assert one.append(first, Entry(at=at("06:00"), plan=plan))
    second = other.load(key)
    assert one.append(first, Entry(at=at("06:01"), requested=("a",)))
    assert not other.append(second, Entry(at=at("06:01"), requested=("b",)))
    other.catch_up(second)
    assert other.append(second, Entry(at=at("06:02"), requested=("b",)))
    assert one.load(key).next_number == second.next_number == 3


def test_background_call_keeps_trace_context_and_raises_its_error() -> None:
    trace: ContextVar[str] = ContextVar("trace", default="none")
    store = OccurrenceStore(ClockedObjects(), ())
    trace.set("the tick's")
    assert store.beside(trace.get).result() == "the tick's"

    def fail() -> None:
        raise Unavailable("the bucket is down")

    failing = store.beside(fail)
    with pytest.raises(Unavailable):
        failing.result()

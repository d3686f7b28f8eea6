"""Logs of occurrences: summaries, and entries that cannot be read."""

import importlib
from contextvars import ContextVar
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
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
from tipoff_planning.occurrence_log import Entry
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


def test_a_new_process_reads_the_last_summary_and_what_came_after_it() -> None:
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
def test_an_occurrence_that_cannot_be_read_is_rebuilt_from_the_dataset_and_said(
    number: int, damage: bytes
) -> None:
    """One poisoned object once stopped every decision for four days: it costs one occurrence."""
    made = begun()
    requests = made.take(ScrapeRequested)
    done = requests[: number + 3]
    for item in done:
        made.run(item)
    key = Key(DAY, requests[0].occurrence_id or "")
    made.state.bodies[names.entry(*key, number)] = damage
    made.restart()
    made.tick(at("06:15"))
    (told,) = [item for item in made.decisions if item.reason_code == "memory_rebuilt"]
    assert (told.occurrence_id, told.alert_level.value) == (key.occurrence_id, "WARNING")
    assert names.entry(*key, number) in told.reason
    state = made.deps.occurrences.load(key)
    assert set(ids(done)) <= set(state.executions)
    assert state.unreadable == []
    made.restart()
    made.tick(at("06:30"))
    assert len([item for item in made.decisions if item.reason_code == "memory_rebuilt"]) == 1


def test_one_that_cannot_be_read_stops_no_other_workflow() -> None:
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


def test_a_value_that_no_request_can_carry_costs_its_step_and_stops_no_tick() -> None:
    """One of 100 KB was accepted in an execution, and every tick after it was a 500."""
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
def test_one_workflow_that_cannot_be_decided_stops_no_other_and_is_said(
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
    told = {item.workflow_name: (item.action.value, item.alert_level.value) for item in made.decisions}
    assert told == {"one": ("ABORT", "CRITICAL"), "two": ("RUN", "NONE")}
    (aborted,) = [item for item in made.decisions if item.workflow_name == "one"]
    assert aborted.reason_code == "undecidable"
    assert "a fault that nobody thought of" in aborted.reason
    assert [item.scraper for item in made.requests] == ["digest"]
    made.tick(at("06:15"))


def test_without_the_dataset_it_waits_to_be_rebuilt() -> None:
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


def test_a_failed_write_is_read_anew() -> None:
    """Whether it was written is not known: the state in memory must not say more than the bucket does."""
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
    one, other = OccurrenceStore(state), OccurrenceStore(state)
    first = one.load(key)
    assert one.append(first, Entry(at=at("06:00"), plan=plan))
    second = other.load(key)
    assert one.append(first, Entry(at=at("06:01"), requested=("a",)))
    assert not other.append(second, Entry(at=at("06:01"), requested=("b",)))
    other.catch_up(second)
    assert other.append(second, Entry(at=at("06:02"), requested=("b",)))
    assert one.load(key).next_number == second.next_number == 3


def test_a_call_made_beside_another_belongs_to_the_same_trace() -> None:
    trace: ContextVar[str] = ContextVar("trace", default="none")
    store = OccurrenceStore(ClockedObjects())
    trace.set("the tick's")
    assert store.beside(trace.get).result() == "the tick's"

    def fail() -> None:
        raise Unavailable("the bucket is down")

    failing = store.beside(fail)
    with pytest.raises(Unavailable):
        failing.result()

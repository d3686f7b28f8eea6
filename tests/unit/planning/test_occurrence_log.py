"""Tests of an occurrence's log: the state and the follow-ups of its entries, in any process."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from tests.support.controller import DAY, at, at_times, configured, plan_of, workflow
from tests.support.samples import executed
from tests.support.strategies import payloads
from tipoff_common.events import Priority, Source
from tipoff_common.executions import PRESUMED
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.context import EvaluationContext
from tipoff_planning.occurrence_log import (
    MESSAGE_CHARACTERS,
    Entry,
    LoggedExecution,
    OccurrenceState,
    log_execution,
    rebuilt_decision,
)
from tipoff_planning.plans import Plan, units
from tipoff_planning.progress import HeldRequests

EVENTS = configured(
    one=workflow(
        at_times("06:00"),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "for_each": {"step": "events", "key": "event_id"}},
        max_retries=1,
        priority="HIGH",
    )
)
PLAN = plan_of(EVENTS, "one")
(LIST,) = units(PLAN.steps[0], ("-",))


def list_id(attempt: int = 1) -> str:
    return LIST.request_id(PLAN.occurrence_id, attempt)


def done(
    request: str, status: Status = Status.SUCCESS, clock: str = "06:01", **changes: Any
) -> LoggedExecution:
    return LoggedExecution.model_validate(
        {
            "request_id": request,
            "scraper": "event_list",
            "subject": "-",
            "status": status,
            "kind": FailureKind.TIMEOUT if status is Status.FAILED else None,
            "source": Source.CONTROLLER,
            "triggered_at": at(clock),
            **changes,
        }
    )


def fresh() -> OccurrenceState:
    return OccurrenceState(DAY, PLAN.occurrence_id)


def begun(plan: Plan = PLAN) -> OccurrenceState:
    state = fresh()
    state.apply(Entry(at=at("06:00"), plan=plan, requested=(list_id(),)))
    return state


def take(
    state: OccurrenceState, *executions: LoggedExecution, clock: str = "06:02", **more: Any
) -> Entry | None:
    """Draft an entry and apply it, as the controller does."""
    entry = state.draft(executions, now=at(clock), at=at(clock), **more)
    if entry is not None:
        state.apply(entry)
    return entry


FOUND = done(list_id(), outputs={"event_id": ("a", "b")})


# Follow-ups


def test_outputs_of_success_are_requested_next() -> None:
    state = begun()
    entry = take(state, FOUND)
    assert entry is not None
    assert (len(entry.requested), entry.executions, entry.skipped) == (2, (FOUND,), ())
    requests = state.follow_ups(entry, "prod").requests
    assert [item.parameters["event_id"] for item in requests] == ["a", "b"]
    assert {item.requested_at for item in requests} == {at("06:02")}
    assert not state.settled


def test_repeated_execution_drafts_no_entry() -> None:
    state = begun()
    take(state, FOUND)
    assert state.draft([FOUND], now=at("06:03"), at=at("06:03")) is None
    assert not state.has_news([FOUND])
    assert state.has_news([FOUND, done("another")])


def test_failure_is_retried() -> None:
    state = begun()
    entry = take(state, done(list_id(), Status.FAILED))
    assert entry is not None
    assert entry.requested == (list_id(2),)


def test_held_units_are_requested_after_release() -> None:
    state = begun()
    entry = take(state, FOUND, held=HeldRequests(everything=True))
    assert entry is not None
    assert entry.requested == ()
    later = take(state, clock="06:10")
    assert later is not None
    assert len(later.requested) == 2


def test_step_after_parent_without_data_is_skipped_once() -> None:
    state = begun()
    entry = take(state, done(list_id(), Status.NO_DATA))
    assert entry is not None
    assert (entry.requested, entry.skipped) == ((), ("event_props",))
    assert state.draft((), now=at("06:03"), at=at("06:03")) is None
    (skip,) = state.follow_ups(entry, "prod").skips
    assert (skip.decision_time, skip.environment) == (at("06:02"), "prod")
    assert state.settled


def test_step_begun_since_is_not_reported_as_skipped() -> None:
    state = begun()
    entry = take(state, done(list_id(), Status.NO_DATA))
    assert entry is not None
    take(state, FOUND.model_copy(update={"triggered_at": at("06:05")}), clock="06:06")
    assert state.follow_ups(entry, "prod").skips == ()


def test_skip_decision_of_replayed_day_has_its_event_time() -> None:
    state = begun(PLAN.model_copy(update={"event_time": at("05:00")}))
    entry = take(state, done(list_id(), Status.NO_DATA))
    assert entry is not None
    (skip,) = state.follow_ups(entry, "prod").skips
    assert skip.decision_time == at("05:00")


def test_occurrence_without_plan_keeps_executions_and_requests_nothing() -> None:
    state = fresh()
    entry = take(state, FOUND)
    assert entry is not None
    assert (entry.executions, entry.requested) == ((FOUND,), ())
    assert state.follow_ups(entry, "prod").requests == ()
    assert state.draft((), now=at("06:03"), at=at("06:03")) is None
    assert (state.plan, state.settled) == (None, True)


def test_plan_added_after_executions_continues_from_their_results() -> None:
    state = fresh()
    take(state, FOUND)
    entry = take(state, rebuilt=True, plan=PLAN)
    assert entry is not None
    assert entry.plan == PLAN
    assert len(entry.requested) == 2


def test_the_first_plan_stays() -> None:
    state = begun()
    state.apply(Entry(at=at("06:05"), plan=PLAN.model_copy(update={"config_hash": "other"})))
    assert state.plan == PLAN


# Reading the log again


def test_state_from_summary_equals_state_from_full_log() -> None:
    state = begun()
    entry = state.draft([FOUND], now=at("06:02"), at=at("06:02"))
    assert entry is not None
    summarized = state.summarized(entry)
    state.apply(entry)
    late = OccurrenceState(DAY, PLAN.occurrence_id, next_number=1)
    late.apply(summarized)
    assert late.plan == state.plan
    assert (late.executions, late.entry_of, late.skipped) == (state.executions, state.entry_of, state.skipped)
    assert late.progress is not None
    assert state.progress is not None
    assert late.progress.requested == state.progress.requested
    assert late.next_number == state.next_number == 2
    assert late.draft((), now=at("06:03"), at=at("06:03")) is None


def test_a_summary_of_an_occurrence_without_a_plan_has_its_executions() -> None:
    state = fresh()
    take(state, FOUND)
    late = fresh()
    late.apply(state.summarized(Entry(at=at("06:05"))))
    assert (late.plan, set(late.executions)) == (None, {list_id()})


def test_summary_does_not_replace_executions_read_before() -> None:
    for state in (begun(), fresh()):
        take(state, FOUND)
        state.apply(fresh().summarized(Entry(at=at("06:05"))))
        assert set(state.executions) == {list_id()}


def test_execution_belongs_to_its_first_entry() -> None:
    state = begun()
    take(state, done(list_id(), Status.FAILED, presumed=True))
    take(state, FOUND.model_copy(update={"triggered_at": at("06:05")}), clock="06:06")
    assert state.entry_of == {list_id(): 1}
    assert state.executions[list_id()].status is Status.SUCCESS


def test_failure_after_success_changes_nothing() -> None:
    state = begun()
    take(state, FOUND)
    state.apply(Entry(at=at("06:05"), executions=(done(list_id(), Status.FAILED),)))
    assert state.executions[list_id()] == FOUND
    assert [fact.status for fact in state.facts] == [Status.SUCCESS]


def test_newest_entry_of_an_evaluation_has_tick_and_number() -> None:
    state = begun()
    assert state.written_by_tick is None
    take(state, FOUND, tick=at("06:15"))
    state.apply(Entry(at=at("06:20")))
    assert state.written_by_tick == (at("06:15"), 1)


# Entries that cannot be read


def test_rebuilt_entry_names_and_clears_unreadable_entries() -> None:
    state = fresh()
    state.unreadable = ["a", "b"]
    plain = state.draft([FOUND], now=at("06:02"), at=at("06:02"))
    assert plain is not None
    assert plain.lost == ()
    state.apply(plain)
    assert state.unreadable == ["a", "b"]
    entry = take(state, rebuilt=True)
    assert entry is not None
    assert (entry.rebuilt, entry.lost) == (True, ("a", "b"))
    assert state.unreadable == []


def test_rebuilt_plan_is_written_without_other_changes() -> None:
    state = begun()
    take(state, FOUND)
    entry = take(state, rebuilt=True, plan=PLAN)
    assert entry is not None
    assert (entry.requested, entry.executions, entry.rebuilt) == ((), (), True)


@pytest.mark.parametrize(
    ("lost", "message"),
    [(("a",), "(a)"), (("a", "b"), "(a and 1 more)"), (("a", "b", "c"), "(a and 2 more)")],
)
def test_rebuilt_decision_names_unreadable_entries(lost: tuple[str, ...], message: str) -> None:
    entry = Entry(at=at("06:02"), rebuilt=True, lost=lost)
    context = EvaluationContext(at("06:15"), at("06:15"), at("06:16"), "tick", Source.CONTROLLER, "prod")
    result = rebuilt_decision(begun(), entry, EVENTS, context)
    assert message in result.reason
    assert result.context == {"unreadable": list(lost)}
    assert (result.workflow_name, result.priority, result.decision_time) == (
        "one",
        Priority.HIGH,
        at("06:02"),
    )
    unknown = rebuilt_decision(fresh(), entry, EVENTS, context)
    assert (unknown.workflow_name, unknown.priority) == ("unknown", Priority.MEDIUM)
    assert unknown.id == result.id


# Executions of the dataset in the log


@given(payloads(LoggedExecution))
def test_execution_from_dataset_is_logged_with_all_fields_of_its_fact(item: LoggedExecution) -> None:
    fact = item.fact(DAY)
    again = LoggedExecution.from_fact(fact)
    assert again.fact(DAY) == replace(fact, message=fact.message[:MESSAGE_CHARACTERS])


# Events in the log


def logged(outcome: dict[str, Any], **changes: Any) -> LoggedExecution:
    return log_execution(executed(outcome=outcome, **changes), ("game_id",))


def test_logged_success_keeps_its_data_summary() -> None:
    result = {
        "completeness": {"expected": 9, "missing": ["NYK@PHI"]},
        "slate": {"A@B": "off"},
        "set_aside": {"count": 2, "examples": ["games[1] is null"]},
    }
    made = logged(
        {"status": "success", "record_count": 3, "gcs_path": None},
        data_summary=result,
        parameters={"game_id": "22", "game_date": "2025-01-15"},
        fan_out_keys={"event_id": ["a"]},
    )
    assert (made.status, made.kind, made.message, made.presumed) == (Status.SUCCESS, None, "", False)
    assert (made.expected, made.missing, made.slate) == (9, ("NYK@PHI",), {"A@B": None})
    assert (made.records, made.set_aside) == (3, 2)
    assert (made.subject, made.outputs) == ("22", {"event_id": ("a",)})
    fact = made.fact(DAY)
    assert fact.completeness is not None
    assert (fact.completeness.expected, fact.completeness.missing) == (9, ("NYK@PHI",))


def test_success_without_data_summary_has_no_completeness() -> None:
    made = logged({"status": "success", "record_count": 3, "gcs_path": None}, data_summary={})
    assert (made.expected, made.missing, made.slate, made.set_aside) == (None, None, None, 0)
    assert made.fact(DAY).completeness is None


def test_logged_failure_keeps_message_and_pause() -> None:
    until = (at("06:00") + timedelta(hours=1)).isoformat()
    made = logged(
        {
            "status": "failed",
            "kind": "quota",
            "message": "x" * (MESSAGE_CHARACTERS + 1),
            "not_before": until,
            "paused_host": "a.example",
        },
        data_summary={PRESUMED: True, "slate": {"A@B": "off"}},
    )
    assert (made.status, made.kind, len(made.message)) == (
        Status.FAILED,
        FailureKind.QUOTA,
        MESSAGE_CHARACTERS,
    )
    assert (made.not_before, made.paused_host, made.presumed) == (at("07:00"), "a.example", True)
    assert made.slate is None, "a refused document may be about another day"


def test_logged_no_data_keeps_its_reason() -> None:
    made = logged({"status": "no_data", "reason": "404"})
    assert (made.status, made.kind, made.message) == (Status.NO_DATA, None, "404")

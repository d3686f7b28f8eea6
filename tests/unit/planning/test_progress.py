"""Tests of a plan's progress and of its next requests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest

from tests.support.controller import (
    NO_DATA,
    SUCCESS,
    at,
    calendar,
    fact,
    failed,
    fixture_file,
    plan_of,
    slate,
)
from tipoff_common.bounds import VALUE_CHARACTERS
from tipoff_common.outcomes import FailureKind, Outcome
from tipoff_planning.history import ExecutionFact, RequestRecords
from tipoff_planning.plans import Plan, Unit
from tipoff_planning.progress import (
    Attempt,
    HeldRequests,
    PlanProgress,
    State,
    retry_at,
    retry_is_due,
)

GAMES = slate(3)
LATE = at("23:00")
"""After every retry."""
PLANS = fixture_file("plans")
TRANSIENT = (FailureKind.TIMEOUT, FailureKind.HTTP, FailureKind.INTERNAL)


def plan(name: str) -> Plan:
    return plan_of(PLANS, name, calendar(*GAMES))


def unit_of(made: Plan, step: str, **more: str) -> Unit:
    found = next(item for item in made.steps if item.name == step)
    return Unit(step, found.scraper, {**found.parameters, **more})


class Past:
    """Executions of one plan."""

    def __init__(self, made: Plan) -> None:
        self.plan = made
        self.executions: dict[str, ExecutionFact] = {}
        self.outputs: dict[str, Mapping[str, tuple[str, ...]]] = {}
        self.requested: dict[str, object] = {}

    def came(
        self,
        step: str,
        outcome: Outcome = SUCCESS,
        attempt: int = 1,
        keys: Mapping[str, tuple[str, ...]] | None = None,
        **more: str,
    ) -> "Past":
        unit = unit_of(self.plan, step, **more)
        identifier = unit.request_id(self.plan.occurrence_id, attempt)
        self.executions[identifier] = fact(unit.scraper, outcome=outcome, request_id=identifier)
        self.outputs[identifier] = keys or {}
        return self

    def request(self, step: str, attempt: int = 1, **more: str) -> "Past":
        self.requested[unit_of(self.plan, step, **more).request_id(self.plan.occurrence_id, attempt)] = 1
        return self

    @property
    def progress(self) -> PlanProgress:
        requested = dict.fromkeys(self.requested, at("06:00"))
        return PlanProgress(self.plan, RequestRecords(self.executions, requested, self.outputs))

    @property
    def due(self) -> list[Attempt]:
        return self.progress.due(LATE)


def due(standing: PlanProgress, now: datetime = LATE) -> list[tuple[str, int]]:
    return [(attempt.unit.step, attempt.number) for attempt in standing.due(now)]


def test_a_plan_begins_with_its_roots() -> None:
    assert due(Past(plan("parallel")).progress) == [("bulletin", 1), ("digest", 1)]
    assert due(Past(plan("sequence")).progress) == [("bulletin", 1)]
    assert due(Past(plan("diamond")).progress) == [("top", 1)]


def test_requested_unit_is_under_way_and_not_due() -> None:
    result = Past(plan("parallel")).request("bulletin").progress
    assert due(result) == [("digest", 1)]
    assert set(result.counts) == {State.UNDER_WAY, State.OPEN}
    assert not result.settled


def test_sequence_continues_step_by_step() -> None:
    past = Past(plan("sequence")).came("bulletin")
    assert due(past.progress) == [("event_list", 1)]
    assert due(past.came("event_list").progress) == [("summary", 1)]
    assert due(past.came("summary").progress) == []
    assert past.progress.settled


def test_a_join_waits_for_all_its_parents() -> None:
    past = Past(plan("diamond")).came("top").came("left")
    assert due(past.progress) == [("right", 1)]
    assert due(past.came("right").progress) == [("bottom", 1)]


def test_each_distinct_output_value_is_requested_once() -> None:
    past = Past(plan("props")).came("events", keys={"event_id": ("b", "a", "b")}).came("news")
    assert [(item.unit.step, item.unit.parameters["event_id"]) for item in past.due] == [
        ("props", "a"),
        ("props", "b"),
    ]


def test_join_after_fan_out_waits_for_its_last_unit() -> None:
    past = Past(plan("props")).came("events", keys={"event_id": ("a", "b")}).came("news")
    past.came("props", event_id="a").request("props", event_id="b")
    assert due(past.progress) == []
    assert due(past.came("props", event_id="b").progress) == [("join", 1)]


def test_partial_success_of_fan_out_is_enough_for_join() -> None:
    past = Past(plan("props")).came("events", keys={"event_id": ("a", "b")}).came("news")
    past.came("props", NO_DATA, event_id="a").came("props", event_id="b")
    assert due(past.progress) == [("join", 1)]


@pytest.mark.parametrize(
    ("outcome", "why"), [(NO_DATA, "top has no data yet"), (failed(FailureKind.BLOCKED), "top failed")]
)
def test_parent_without_success_skips_all_descendants_with_reason(outcome: Outcome, why: str) -> None:
    result = Past(plan("diamond")).came("top", outcome).progress
    assert [(item.step, item.reason) for item in result.skipped] == [
        ("left", why),
        ("right", why),
        ("bottom", why),
    ]
    assert result.settled
    assert due(result) == []


def test_empty_fan_out_skips_its_dependents() -> None:
    result = Past(plan("props")).came("events", keys={"event_id": ()}).came("news").progress
    assert [(item.step, item.reason) for item in result.skipped] == [("join", "props returned no values")]


def test_a_join_is_not_skipped_before_all_its_parents_are_settled() -> None:
    """The skip has one reason, which does not depend on the order of events."""
    past = Past(plan("diamond")).came("top").came("left", NO_DATA).request("right")
    assert past.progress.skipped == []
    assert [item.step for item in past.came("right").progress.skipped] == ["bottom"]


@pytest.mark.parametrize("kind", list(FailureKind))
def test_only_transient_failures_are_retried(kind: FailureKind) -> None:
    result = Past(plan("calendar")).came("slate", failed(kind)).progress
    assert due(result) == ([("slate", 2)] if kind in TRANSIENT else [])
    assert result.settled is (kind not in TRANSIENT)


def test_no_data_is_not_retried() -> None:
    assert due(Past(plan("calendar")).came("slate", NO_DATA).progress) == []


def test_attempts_are_limited_by_max_retries() -> None:
    past = Past(plan("props"))  # max_retries: 1
    past.came("events", failed(), 1)
    assert ("events", 2) in due(past.progress)
    past.came("events", failed(), 2)
    assert "events" not in dict(due(past.progress))
    assert State.GIVEN_UP in set(past.progress.counts)


def test_retry_is_due_only_within_max_retries() -> None:
    assert not retry_is_due(FailureKind.HTTP, 1, 0)
    assert retry_is_due(FailureKind.HTTP, 1, 1)
    assert not retry_is_due(FailureKind.HTTP, 2, 1)


def test_success_stands_despite_later_failed_attempt() -> None:
    """A request that was presumed dead returned after its retry was published, and the retry failed."""
    past = Past(plan("calendar")).came("slate").came("slate", failed(), 2)
    assert set(past.progress.counts) == {State.SUCCESS}
    assert due(past.progress) == []


def test_fan_out_is_limited_to_max_in_flight() -> None:
    past = Past(plan("waves"))
    first, second, third = (item.game_id for item in GAMES)
    assert [item.unit.parameters["game_id"] for item in past.due] == [first, second]
    past.request("slow_score", game_id=first).request("slow_score", game_id=second)
    assert past.due == []
    past.came("slow_score", game_id=second)
    assert [item.unit.parameters["game_id"] for item in past.due] == [third]


def test_progress_does_not_depend_on_order_of_facts() -> None:
    steps = ("top", "left", "right")
    results = []
    for order in permutations(steps):
        past = Past(plan("diamond"))
        for step in order:
            past.came(step, NO_DATA if step == "left" else SUCCESS)
        results.append((due(past.progress), past.progress.skipped, past.progress.settled))
    assert all(result == results[0] for result in results)
    assert results[0][1][0].reason == "left has no data yet"


def test_output_above_max_fan_out_is_refused_with_the_number() -> None:
    small = plan("props").model_copy(update={"max_fan_out": 2})
    past = Past(small).came("events", keys={"event_id": ("a", "b", "c")}).came("news")
    assert past.due == []
    assert [item.reason for item in past.progress.skipped] == [
        "events named 3 values, more than the limit of 2"
    ]
    assert past.progress.settled


def test_duplicate_output_value_is_settled_by_a_single_request() -> None:
    past = Past(plan("props")).came("events", keys={"event_id": ("a", "a")}).came("news")
    assert len(past.due) == 1
    past.came("props", event_id="a").came("join")
    assert past.progress.settled


def test_overlong_output_value_is_refused_with_its_length() -> None:
    fits, too_long = "b" * VALUE_CHARACTERS, "b" * (VALUE_CHARACTERS + 1)
    past = Past(plan("props")).came("events", keys={"event_id": ("a", fits)}).came("news")
    assert [item.unit.parameters["event_id"] for item in past.due] == ["a", fits]
    past.came("events", keys={"event_id": ("a", too_long)})
    assert past.due == []
    assert [item.reason for item in past.progress.skipped] == [
        "events named a value of 201 characters, more than the limit of 200"
    ]


def test_later_retries_are_spread_over_remaining_window() -> None:
    made = plan("calendar").model_copy(update={"max_retries": 3, "deadline": at("10:00")})
    failure = fact("slate", outcome=failed(), triggered_at=at("06:00"))
    assert [retry_at(made, failure, attempt) for attempt in (1, 2, 3)] == [
        at("06:00"),
        at("07:00"),
        at("08:00"),
    ]
    for deadline in (None, at("05:00")):
        late = made.model_copy(update={"deadline": deadline})
        assert retry_at(late, failure, 2) == at("06:00"), "nothing is left to spread over"


def test_waiting_retry_is_due_at_its_instant_and_not_before() -> None:
    made = plan("calendar").model_copy(update={"max_retries": 3, "deadline": at("13:01")})
    past = Past(made).came("slate", failed()).came("slate", failed(), 2)  # at 11:01
    standing = PlanProgress(made, RequestRecords(past.executions, {}, past.outputs))
    assert (due(standing, at("11:30")), set(standing.counts), standing.settled) == (
        [],
        {State.WAITING},
        False,
    )
    assert due(standing, at("11:31")) == [("slate", 3)]


def test_last_failure_is_the_newest_without_later_success() -> None:
    made = plan("parallel")

    def failure(step: str, clock: str, kind: FailureKind = FailureKind.BLOCKED) -> ExecutionFact:
        unit = unit_of(made, step)
        identifier = unit.request_id(made.occurrence_id, 1)
        return fact(unit.scraper, outcome=failed(kind), request_id=identifier, triggered_at=at(clock))

    standing = PlanProgress(made)
    assert standing.last_failure() is None
    newer, older = failure("bulletin", "06:02"), failure("digest", "06:01")
    standing.add(newer)
    standing.add(older)
    assert standing.last_failure() == newer
    # The bulletin's second attempt succeeded, so its first failure does not count.
    past = Past(made).came("bulletin", failed()).came("bulletin", SUCCESS, 2)
    assert PlanProgress(made, RequestRecords(past.executions, {}, {})).last_failure() is None


def test_facts_added_singly_or_at_once_give_same_progress() -> None:
    made = plan("props")
    past = Past(made).came("events", keys={"event_id": ("a", "b")}).came("news", NO_DATA)
    past.came("props", event_id="b")
    standing = PlanProgress(made)
    for identifier, found in past.executions.items():
        assert standing.add(found, past.outputs[identifier])
        assert not standing.add(found, past.outputs[identifier]), (
            "a delivery that comes twice changes nothing"
        )
    at_once = past.progress
    assert standing.due(LATE) == at_once.due(LATE)
    assert list(standing.units()) == list(at_once.units())
    assert (standing.skipped, standing.settled) == (at_once.skipped, at_once.settled)
    assert standing.counts == {State.SUCCESS: 2, State.NO_DATA: 1, State.OPEN: 1}


def test_an_attempt_is_found_by_the_id_of_its_request() -> None:
    standing = PlanProgress(plan("parallel"))
    for attempt in standing.due(at("06:00")):
        assert standing.attempt(standing.request_id(attempt)) == attempt
    assert standing.attempt("of another plan") is None


def test_settled_states_are_success_no_data_and_given_up() -> None:
    assert {state for state in State if state.settled} == {State.SUCCESS, State.NO_DATA, State.GIVEN_UP}


def test_held_unit_stays_open_and_is_due_after_release() -> None:
    standing = PlanProgress(plan("parallel"))
    assert standing.due(at("06:00"), HeldRequests(everything=True)) == []
    some = standing.due(at("06:00"), HeldRequests(scrapers=frozenset({"bulletin"})))
    assert [item.unit.step for item in some] == ["digest"]
    assert [item.unit.step for item in standing.due(at("06:00"))] == ["bulletin", "digest"]
    assert standing.counts == {State.OPEN: 2}


def test_retry_attempt_exists_only_after_failure() -> None:
    made = plan("calendar")
    standing, unit = PlanProgress(made), unit_of(made, "slate")
    first, second = (unit.request_id(made.occurrence_id, number) for number in (1, 2))
    assert (standing.attempt(first), standing.attempt(second)) == (Attempt(unit, 1), None)
    standing.add(fact("slate", outcome=failed(), request_id=first))
    assert standing.attempt(second) == Attempt(unit, 2)


def test_repeated_fact_changes_nothing() -> None:
    made = plan("calendar")
    standing = PlanProgress(made)
    identifier = unit_of(made, "slate").request_id(made.occurrence_id, 1)
    found = fact("slate", request_id=identifier)
    assert [standing.add(found), standing.add(found)] == [True, False]


def test_request_is_under_way_since_its_first_time() -> None:
    standing = PlanProgress(plan("parallel"))
    first, second = (standing.request_id(attempt) for attempt in standing.due(at("06:00")))
    standing.note_requested([first, "of another plan"], at("06:00"))
    standing.note_requested([first], at("06:05"))
    assert standing.requested[first] == at("06:00")
    assert (standing.under_way, second in standing.requested) == (1, False)
    assert [item.unit.step for item in standing.due(at("06:00"))] == ["digest"]


def test_failed_unit_is_due_again() -> None:
    made = plan("calendar")
    standing = PlanProgress(made)
    (attempt,) = standing.due(at("06:00"))
    standing.note_requested([standing.request_id(attempt)], at("06:00"))
    assert standing.due(at("06:00")) == []
    standing.add(fact("slate", outcome=failed(), request_id=standing.request_id(attempt)))
    assert [item.number for item in standing.due(at("12:00"))] == [2]


def test_a_plan_is_settled_when_each_of_its_roots_is() -> None:
    past = Past(plan("parallel")).came("bulletin")
    assert not past.progress.settled
    assert past.came("digest").progress.settled


def test_output_of_exactly_max_fan_out_is_requested_fully() -> None:
    small = plan("props").model_copy(update={"max_fan_out": 2})
    past = Past(small).came("events", keys={"event_id": ("a", "b")}).came("news")
    assert len(past.due) == 2


def test_failure_is_retried_at_retry_after_time_before_deadline() -> None:
    named = at("12:00")
    for deadline, state in ((None, State.WAITING), (at("12:01"), State.WAITING), (named, State.GIVEN_UP)):
        made = plan("calendar").model_copy(update={"deadline": deadline, "max_retries": 1})
        identifier = unit_of(made, "slate").request_id(made.occurrence_id, 1)
        known = RequestRecords(
            {identifier: fact("slate", outcome=failed(), request_id=identifier, not_before=named)}, {}, {}
        )
        standing = PlanProgress(made, known)
        assert (due(standing, at("11:59")), set(standing.counts)) == ([], {state})
        assert due(standing, named) == ([("slate", 2)] if state is State.WAITING else [])


@pytest.mark.parametrize(
    ("deadline", "retries", "failures", "state"),
    [
        ("12:01", 1, 1, State.WAITING),
        ("12:01", 1, 2, State.GIVEN_UP),
        ("12:01", 0, 1, State.GIVEN_UP),
        (None, 1, 1, State.GIVEN_UP),
    ],
    ids=["in the window", "budget used", "no budget", "somebody waits for a manual run"],
)
def test_non_transient_failure_is_retried_only_with_retry_after_time(
    deadline: str | None, retries: int, failures: int, state: State
) -> None:
    limit = at(deadline) if deadline else None
    made = plan("calendar").model_copy(update={"deadline": limit, "max_retries": retries})
    unit, known = unit_of(made, "slate"), {}
    for number in range(1, failures + 1):
        identifier = unit.request_id(made.occurrence_id, number)
        known[identifier] = fact(
            "slate", outcome=failed(FailureKind.QUOTA), request_id=identifier, not_before=at("12:00")
        )
    assert set(PlanProgress(made, RequestRecords(known, {}, {})).counts) == {state}
    unnamed = {name: replace(item, not_before=None) for name, item in known.items()}
    assert set(PlanProgress(made, RequestRecords(unnamed, {}, {})).counts) == {State.GIVEN_UP}


def test_due_retry_precedes_first_attempts_within_max_in_flight() -> None:
    made = plan("waves").model_copy(update={"max_retries": 3, "deadline": at("13:01")})
    first, second, third = (item.game_id for item in GAMES)
    past = (
        Past(made).came("slow_score", failed(), game_id=first).came("slow_score", failed(), 2, game_id=first)
    )
    standing = PlanProgress(made, RequestRecords(past.executions, {}, {}))

    def due_at(clock: str) -> list[str]:
        return [item.unit.parameters["game_id"] for item in standing.due(at(clock))]

    assert due_at("11:30") == [second, third]
    assert due_at("11:31") == [first, second], "two at once, and the retry before first attempts"
    later = {standing.request_id(item) for item in standing.due(at("11:30"))}
    standing.note_requested(later, at("11:30"))
    assert due_at("11:31") == []


def test_unfound_units_are_listed_with_newest_result() -> None:
    made = plan("parallel")
    standing = PlanProgress(made)
    assert {unit.scraper: answer for unit, answer in standing.unfound()} == {"bulletin": None, "digest": None}
    failed_first = _came(made, "bulletin", 1, failed(), "06:01")
    empty = _came(made, "bulletin", 2, NO_DATA, "06:05")
    for answer in (empty, failed_first, _came(made, "digest", 1, SUCCESS, "06:02")):
        standing.add(answer)
    assert {unit.scraper: answer for unit, answer in standing.unfound()} == {"bulletin": empty}
    standing.add(_came(made, "bulletin", 2, SUCCESS, "06:06"))
    assert list(standing.unfound()) == []


def _came(made: Plan, step: str, attempt: int, outcome: Outcome, clock: str) -> ExecutionFact:
    unit = unit_of(made, step)
    return fact(
        unit.scraper,
        outcome=outcome,
        request_id=unit.request_id(made.occurrence_id, attempt),
        triggered_at=at(clock),
    )

"""What the controller remembers: write-once objects whose names carry the essentials."""

from datetime import timedelta

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    ClockedObjects,
    World,
    at,
    at_times,
    configured,
    failed,
    ids,
    plan_of,
    workflow,
)
from tests.support.samples import executed, locked, requested
from tipoff_common.events import ScrapeRequested, Source
from tipoff_common.outcomes import FailureKind, Status
from tipoff_controller.ledger import Ledger
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.history import Completeness

NAMES = ("game_id", "team")
CONFIGURATION = configured(one=workflow(at_times("06:00"), "bulletin"))


def ledger(state: ClockedObjects | None = None) -> Ledger:
    return Ledger(state or ClockedObjects(), NAMES)


def request(**changes: object) -> ScrapeRequested:
    return requested(**{"occurrence_id": "o", "request_id": "r", **changes})


def test_what_was_decided_first_counts() -> None:
    made = ledger()
    first = DecisionBatch(decisions=(), plans=(), requests=(request(),))
    second = DecisionBatch(decisions=(), plans=(), requests=())
    assert made.decided("ticks/t") is None
    assert made.remember_decided("ticks/t", first) == first
    assert made.remember_decided("ticks/t", second) == first
    assert made.decided("ticks/t") == first


def test_a_plan_is_frozen_by_the_first_that_writes_it() -> None:
    made, plan = ledger(), plan_of(CONFIGURATION, "one")
    made.remember_plans([plan])
    made.remember_plans([plan.model_copy(update={"max_retries": 9})])
    assert made.plan(plan.game_date, plan.occurrence_id) == plan
    assert made.plan(plan.game_date, "another") is None


def test_plans_of_a_day_are_read_when_they_are_asked_for() -> None:
    state = ClockedObjects()
    made, plan = ledger(state), plan_of(CONFIGURATION, "one")
    made.remember_plans([plan])
    plans = ledger(state).plans(made.days([DAY]))
    assert list(plans) == [plan.occurrence_id]
    assert plans[plan.occurrence_id] == plan
    assert "another" not in plans


@pytest.mark.parametrize(
    ("outcome", "status", "kind"),
    [
        (SUCCESS, Status.SUCCESS, None),
        (NO_DATA, Status.NO_DATA, None),
        (failed(FailureKind.QUOTA), Status.FAILED, FailureKind.QUOTA),
    ],
)
def test_the_name_of_an_execution_says_what_decides(
    outcome: object, status: Status, kind: FailureKind | None
) -> None:
    made = ledger()
    made.remember_execution(
        executed(
            request_id="r",
            outcome=outcome,
            parameters={"game_date": "2025-01-15", "game_id": "a/b ü"},
            source="MANUAL",
            triggered_at=at("11:01"),
        )
    )
    (fact,) = made.days([DAY]).executions.values()
    assert (fact.request_id, fact.scraper, fact.subject) == ("r", "lines", "a/b ü")
    assert (fact.status, fact.kind, fact.source) == (status, kind, Source.MANUAL)
    assert (fact.game_date, fact.triggered_at) == (DAY, at("11:01"))


@pytest.mark.parametrize(
    ("missing", "kept"),
    [
        ([], ()),
        (["NYK@PHI", "a/b, c"], ("NYK@PHI", "a/b, c")),
        (
            [f"{number:03}" * 30 for number in range(40)],
            (*[f"{n:03}" * 13 + "0" for n in range(8)], "32 more"),
        ),
    ],
)
def test_its_name_says_what_a_success_lacks(missing: list[str], kept: tuple[str, ...]) -> None:
    """Within the length that a name may have."""
    state = ClockedObjects()
    made = ledger(state)
    made.remember_execution(executed(data_summary={"completeness": {"expected": 9, "missing": missing}}))
    (found,) = made.days([DAY]).executions.values()
    assert found.completeness == Completeness(9, kept)
    assert all(len(name) < 1000 for name in state.bodies)


def test_an_execution_without_an_occurrence_is_remembered_too() -> None:
    made = ledger()
    made.remember_execution(executed(occurrence_id=None))
    assert list(made.days([DAY]).executions) == ["request-1"]


def test_of_two_answers_to_one_request_the_success_speaks() -> None:
    """A request given up as dead that did come back."""
    for outcomes in ((failed(FailureKind.TIMEOUT), SUCCESS), (SUCCESS, failed(FailureKind.TIMEOUT))):
        made = ledger()
        for outcome in outcomes:
            made.remember_execution(executed(outcome=outcome))
        (fact,) = made.days([DAY]).executions.values()
        assert fact.status is Status.SUCCESS


def test_a_request_is_known_with_the_instant_it_went_out() -> None:
    state = ClockedObjects(now=at("06:03"))
    made = ledger(state)
    made.remember_requests([request()])
    remembered = made.days([DAY])
    assert remembered.requested == {"r": at("06:03")}
    assert made.request(remembered.request_paths["r"]) == request()
    assert made.request("controller/nothing.json") is None


def test_a_request_that_goes_out_again_keeps_its_first_instant() -> None:
    """Else a lease would never pass."""
    state = ClockedObjects(now=at("06:00"))
    made = ledger(state)
    made.remember_requests([request()])
    state.now = at("07:00")
    made.remember_requests([request()])
    assert made.days([DAY]).requested == {"r": at("06:00")}


def test_whether_an_execution_is_known_is_asked_of_the_ledger() -> None:
    made = ledger()
    assert not made.has_execution(request())
    made.remember_execution(executed(request_id="r", occurrence_id="o"))
    assert made.has_execution(request())
    assert not made.has_execution(request(request_id="r2"))


def test_one_occurrence_is_read_without_the_others() -> None:
    made = ledger()
    for occurrence in ("o", "other"):
        made.remember_requests([request(occurrence_id=occurrence, request_id=f"r-{occurrence}")])
        made.remember_execution(executed(occurrence_id=occurrence, request_id=f"r-{occurrence}"))
        made.remember_skip(DAY, occurrence, "join")
    remembered = made.occurrence(DAY, "o")
    assert set(remembered.requested) == set(remembered.executions) == {"r-o"}
    assert remembered.skips == {("o", "join")}


def test_only_the_days_asked_for_are_read() -> None:
    made = ledger()
    made.remember_execution(executed())
    assert made.days([DAY + timedelta(days=1)]).executions == {}


def test_outputs_are_read_from_the_execution_when_they_are_asked_for() -> None:
    made = ledger()
    made.remember_execution(executed(request_id="r", fan_out_keys={"event_id": ["a", "b"]}))
    outputs = made.outputs(made.days([DAY]))
    assert outputs["r"] == {"event_id": ("a", "b")}
    assert outputs.get("nobody") is None


def test_the_lock_of_a_day_is_the_first_and_changes_come_after_it() -> None:
    made = ledger()
    first = locked(locked_at=at("05:00"), schedule_version="v1")
    assert made.remember_lock(first) == first
    assert made.remember_lock(locked(locked_at=at("05:15"), schedule_version="v2")) == first
    for hour, version in ((14, "v3"), (9, "v4")):
        made.remember_change(locked(locked_at=at(f"{hour:02}:00"), schedule_version=version))
    paths = made.days([DAY]).schedule_paths[DAY]
    assert [event.schedule_version for event in made.schedules(paths)] == ["v1", "v4", "v3"]


def test_a_new_process_remembers_the_same() -> None:
    world = World(CONFIGURATION)
    world.tick(at("06:00"))
    before = world.deps.ledger.days([DAY])
    world.restart()
    assert world.deps.ledger.days([DAY]) == before
    assert list(before.requested) == ids(world.requests)

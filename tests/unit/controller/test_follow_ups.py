"""Tests of follow-ups: requests after an execution, and failures for dead requests."""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    World,
    at,
    at_times,
    configured,
    dead_letter,
    failed,
    fixture_file,
    ids,
    scrapers,
    slate,
    workflow,
)
from tests.support.examples import examples
from tipoff_common.binding import Envelope, Message
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.executions import build_presumed_failure
from tipoff_common.outcomes import Failed, FailureKind, Outcome
from tipoff_common.ports import Unavailable
from tipoff_controller.dead_requests import note_dead_request
from tipoff_controller.follow_ups import note_executions
from tipoff_controller.manual import draft_run, read_run, run_workflow
from tipoff_controller.occurrence_store import Key
from tipoff_controller.past import LEASE_SLACK
from tipoff_planning.manual_runs import ManualRun
from tipoff_planning.progress import State
from tipoff_planning.workflows import Configuration

PLANS = fixture_file("plans")
EVENTS = {"event_id": ("e1", "e2", "e3")}
ONE = configured(one=workflow(at_times("06:00"), "bulletin", max_retries=1))


def begun(name: str, games: int = 3) -> World:
    """Return a world in which one workflow of the plans was decided."""
    file = PLANS.file.model_copy(update={"workflows": {name: PLANS.workflows[name]}})
    made = World(Configuration(file, PLANS.catalog, PLANS.hash))
    made.land(slate(games), at("05:00"))
    made.tick(at("06:00"))
    return made


def simple(configuration: Configuration = ONE) -> World:
    made = World(configuration)
    made.land(slate(1), at("05:00"))
    made.tick(at("06:00"))
    return made


def finish(made: World, outcomes: dict[str, Outcome] | None = None) -> list[str]:
    """Run all requests until none is left; return the steps in the order of their requests."""
    done: list[str] = []
    while requests := made.take(ScrapeRequested):
        for request in requests:
            done.append(request.step)
            outcome = (outcomes or {}).get(request.step, SUCCESS)
            made.run(request, outcome, keys=EVENTS if request.scraper == "event_list" else {})
    return done


def skips(made: World) -> dict[str, str]:
    return {
        str(item.context["step"]): item.reason
        for item in made.decisions
        if item.reason_code == "parent_unfruitful"
    }


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("parallel", ["bulletin", "digest"]),
        ("sequence", ["bulletin", "event_list", "summary"]),
        ("edges", ["first", "second", "last"]),
        ("games", ["box_score"] * 2 + ["roster"] * 4 + ["summary"]),
        ("props", ["events", "news", "props", "props", "props", "join"]),
        ("diamond", ["top", "left", "right", "bottom"]),
    ],
)
def test_each_plan_shape_runs_to_its_end(name: str, steps: list[str]) -> None:
    assert finish(begun(name, games=2)) == steps


def test_fan_out_of_slow_source_is_requested_in_batches() -> None:
    made = begun("waves", games=5)
    sizes = []
    while requests := made.take(ScrapeRequested):
        sizes.append(len(requests))
        for request in requests:
            made.run(request)
    assert sizes == [2, 2, 1]


def test_parent_without_data_skips_descendants_with_reason() -> None:
    made = begun("diamond")
    assert finish(made, {"top": NO_DATA}) == ["top"]
    assert skips(made) == {
        "left": "left is not requested: top has no data yet.",
        "right": "right is not requested: top has no data yet.",
        "bottom": "bottom is not requested: top has no data yet.",
    }


def test_repeated_event_publishes_skips_once() -> None:
    made = begun("diamond")
    event = made.execute(made.requests[0], failed(FailureKind.BLOCKED))
    made.note(event, event)
    assert len([item for item in made.decisions if item.reason_code == "parent_unfruitful"]) == 3


def test_requests_do_not_depend_on_order_of_events() -> None:
    found = set()
    for order in permutations(range(3)):
        made = begun("props")
        events, news = made.requests
        made.run(events, keys=EVENTS)
        props = [item for item in made.requests if item.step == "props"]
        for index in order:
            made.run(props[index], NO_DATA if index == 1 else SUCCESS)
        made.run(news)
        found.add(frozenset(ids(made.requests)))
        assert [item.step for item in made.requests].count("join") == 1
    assert len(found) == 1


def test_grouped_executions_share_log_entry_and_request_join_once() -> None:
    made = begun("diamond")
    made.run(made.requests[0])
    left, right = (made.execute(item) for item in made.requests[1:])
    key, before = Key(DAY, left.occurrence_id or ""), made.state_of(made.requests[0]).next_number
    note_executions(key, [left, right, left], made.deps, at("06:01"))
    assert made.state_of(made.requests[0]).next_number == before + 1
    made.note(left, right)
    assert [item.step for item in made.requests].count("bottom") == 1


def test_restart_in_mid_plan_changes_no_requests() -> None:
    straight, restarted = begun("props"), begun("props")
    finish(straight)
    while requests := restarted.take(ScrapeRequested):
        for request in requests:
            restarted.restart()
            restarted.run(request, keys=EVENTS if request.scraper == "event_list" else {})
    remembered = [made.requested() for made in (straight, restarted)]
    assert remembered[0] == remembered[1]
    assert len(remembered[0]) == 6


def test_transient_failure_is_retried_at_once_up_to_budget() -> None:
    made = simple()
    finish(made, {"bulletin": failed(FailureKind.HTTP)})
    assert len(made.requested()) == 2


@pytest.mark.parametrize("units", [5, 50, 500])
def test_execution_costs_single_small_write_for_any_number_of_siblings(units: int) -> None:
    values = [f"v{number}" for number in range(units)]
    step = {"scraper": "event_props", "for_each": {"parameter": "event_id", "values": values}}
    made = simple(configured(one=workflow(at_times("06:00"), step)))
    requests = made.take(ScrapeRequested)
    assert len(requests) == min(units, 300), "as many as the source lets through in a minute"
    made.run(requests[0])
    names, sizes = set(made.state.bodies), []
    for request in requests[1:4]:
        made.run(request)
        (written,) = set(made.state.bodies) - names
        names.add(written)
        sizes.append(len(made.state.bodies[written]))
    assert max(sizes) < 600


@given(
    st.sampled_from(sorted(PLANS.workflows.keys() - {"calendar"})),
    st.lists(
        st.sampled_from([SUCCESS, NO_DATA, failed(FailureKind.HTTP), failed(FailureKind.BLOCKED)]), min_size=1
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=examples(50), deadline=None)
def test_every_due_request_is_published_for_any_outcomes_and_order(
    name: str, outcomes: list[Outcome], order: Random
) -> None:
    """Most follow-ups are derived from one execution without a check of the others."""
    made = begun(name)
    waiting = made.take(ScrapeRequested)
    while waiting:
        request = waiting.pop(order.randrange(len(waiting)))
        made.run(
            request,
            order.choice(outcomes),
            keys=EVENTS if request.scraper == "event_list" else {},
            logged=False,
        )
        waiting += made.take(ScrapeRequested)
        state = made.state_of(request)
        assert state.progress is not None
        assert state.progress.due(made.state.now) == []
        assert state.skipped == {item.step for item in state.progress.skipped}
        for _ in range(4):
            # A tick requests the retries that wait.
            if not waiting and not state.settled:
                made.tick(made.state.now + timedelta(hours=1))
                waiting += made.take(ScrapeRequested)
    assert state.settled


def test_execution_without_plan_is_not_logged_and_requests_nothing() -> None:
    made = simple()
    (request,) = made.take(ScrapeRequested)
    made.note(
        made.execute(request.model_copy(update={"occurrence_id": None, "request_id": "direct"})),
        made.execute(request.model_copy(update={"occurrence_id": "unknown", "request_id": "other"})),
    )
    assert made.requests == []
    assert "unknown" not in str(made.state.bodies)


def test_redelivery_after_failed_log_write_publishes_retry() -> None:
    made = simple()
    event = made.execute(made.requests[0], failed())
    made.state.down = True
    with pytest.raises(Unavailable):
        made.note(event)
    made.state.down = False
    made.note(event)
    assert [item.attempt for item in made.requests] == [1, 2]


def test_redelivery_after_failed_publish_sends_follow_ups() -> None:
    made = begun("sequence")
    event = made.execute(made.requests[0])
    made.bus.capacity = 0
    with pytest.raises(Unavailable):
        made.note(event)
    made.bus.capacity = None
    made.note(event)
    assert scrapers(made.requests) == ["bulletin", "event_list"]


@pytest.mark.parametrize("restarted", [False, True])
def test_redelivery_publishes_due_retry_that_was_not_sent(
    restarted: bool,
) -> None:
    """A redelivered event adds nothing, but a retry may be due by now: that is a separate log entry."""
    made = simple()
    event = made.execute(
        made.requests[0], failed().model_copy(update={"not_before": at("06:10")}), instant=at("06:01")
    )
    made.note(event)
    made.now(at("06:11"))
    made.bus.capacity = 0
    with pytest.raises(Unavailable):
        made.note(event)
    made.bus.capacity = None
    if restarted:
        made.restart()
    made.note(event)
    assert [item.attempt for item in made.requests] == [1, 2]


def test_redelivery_sends_follow_ups_of_execution_after_presumed_failure() -> None:
    """The request then has two log entries, and the redelivered execution matches the second."""
    made = begun("sequence")
    (request,) = made.requests
    made.note(build_presumed_failure(request, "in this test", opts={}, environment="local", at=at("06:06")))
    answer = made.execute(request, SUCCESS)
    made.bus.capacity = 0
    with pytest.raises(Unavailable):
        made.note(answer)
    made.bus.capacity = None
    made.note(answer)
    assert scrapers(made.requests)[-1] == "event_list"


def test_redelivery_after_restart_reads_log_in_parallel_and_publishes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each later entry was read and published by itself, while the occurrence was locked."""
    values = [f"v{number}" for number in range(40)]
    step = {"scraper": "event_props", "for_each": {"parameter": "event_id", "values": values}}
    made = simple(configured(one=workflow(at_times("06:00"), step, max_retries=1)))
    events = [made.execute(request, failed()) for request in made.take(ScrapeRequested)]
    made.note(*events)
    retries = made.take(ScrapeRequested)
    made.restart()
    made.state_of(retries[0])
    get, publish = made.state.get, made.bus.publish
    reads: list[str] = []
    publishes: list[int] = []

    def reading(name: str) -> bytes | None:
        reads.append(threading.current_thread().name)
        return get(name)

    def publishing(envelopes: Iterable[Envelope]) -> None:
        publishes.append(len(sent := [*envelopes]))
        publish(sent)

    monkeypatch.setattr(made.state, "get", reading)
    monkeypatch.setattr(made.bus, "publish", publishing)
    made.note(events[0])
    assert sorted(ids(made.requests)) == sorted(ids(retries))
    assert publishes == [len(retries)]
    assert [name for name in reads if name == threading.current_thread().name] == []


# Dead requests


def lease(seconds: float = 60) -> timedelta:
    return LEASE_SLACK + timedelta(seconds=seconds)


def fail_requests(made: World) -> list[ScrapeExecuted]:
    return made.bus.of(ScrapeExecuted)


def silent_until(made: World, instant: datetime) -> None:
    made.now(instant)
    made.tick(instant)


def test_request_within_lease_is_not_failed() -> None:
    made = simple()
    silent_until(made, at("06:00") + lease() - timedelta(minutes=1))
    assert fail_requests(made) == []


def test_expired_request_fails_and_is_retried() -> None:
    made = simple()
    silent_until(made, at("06:15"))
    (event,) = fail_requests(made)
    assert isinstance(event.outcome, Failed)
    assert event.outcome.kind is FailureKind.TIMEOUT
    assert "no execution within" in event.outcome.message
    assert event.execution_id == made.requests[0].request_id
    made.hear()
    assert [item.attempt for item in made.requests] == [1, 2]


def test_expired_request_fails_once_and_has_single_retry() -> None:
    made = simple()
    silent_until(made, at("06:15"))
    (event,) = fail_requests(made)
    made.note(event)
    silent_until(made, at("06:20"))
    assert len(fail_requests(made)) == 1
    assert len(set(ids(made.requests))) == 2


def test_repeated_lease_expiry_uses_up_retry_budget() -> None:
    made = simple()
    dead = []
    for clock in ("06:15", "06:30", "06:45"):
        silent_until(made, at(clock))
        dead += fail_requests(made)
        made.hear()
    assert len(dead) == 2
    assert made.decisions[-1].reason_code == "budget_used"


def test_executed_request_does_not_expire() -> None:
    made = simple()
    made.run(made.requests[0], NO_DATA, logged=False)
    silent_until(made, at("06:30"))
    assert fail_requests(made) == []


def test_request_with_execution_only_in_dataset_does_not_expire() -> None:
    made = simple()
    made.execute(made.requests[0], NO_DATA)
    silent_until(made, at("06:30"))
    assert fail_requests(made) == []


def test_request_in_dead_letters_fails_and_is_retried() -> None:
    made = simple()
    (request,) = made.requests
    note_dead_request(dead_letter(request), made.deps)
    (event,) = fail_requests(made)
    assert isinstance(event.outcome, Failed)
    assert event.outcome.message == "the request expired: no delivery attempts are left"
    # The retry's success is for the same unit; without opts the alert stayed although the data was found.
    assert event.opts == request.parameters
    made.note(event)
    assert [item.attempt for item in made.requests] == [1, 2]


def test_repeated_dead_letter_publishes_failure_once() -> None:
    made = simple()
    for _ in range(2):
        note_dead_request(dead_letter(made.requests[0]), made.deps)
    assert len(fail_requests(made)) == 1


def test_dead_letter_of_executed_request_publishes_no_failure() -> None:
    made = simple()
    (request,) = made.requests
    made.run(request)
    note_dead_request(dead_letter(request), made.deps)
    assert fail_requests(made) == []


def test_other_or_malformed_dead_letter_publishes_no_failure() -> None:
    made = simple()
    note_dead_request(dead_letter(made.decisions[0]), made.deps)
    note_dead_request(Message(b"{", {}), made.deps)
    assert fail_requests(made) == []


# Manual runs for days that no evaluation covers


LONG_AGO = DAY - timedelta(days=60)


def request_manually(made: World, workflow_name: str = "one", key: str = "k") -> None:
    run = ManualRun(game_date=LONG_AGO)
    made.now(at("06:01"))
    drafted = draft_run(workflow_name, run, made.deps, caller="ann", now=at("06:01"), idempotency_key=key)
    made.take(ScrapeRequested)
    run_workflow(drafted, made.deps)
    made.release()


def test_expired_manual_request_of_old_day_is_retried_and_settles_run() -> None:
    made = simple()
    made.run(made.requests[0])
    request_manually(made)
    silent_until(made, at("06:05"))
    assert fail_requests(made) == []
    for clock in ("06:15", "06:30", "06:45", "07:00"):
        silent_until(made, at(clock))
        made.note(*made.take(ScrapeExecuted))
    progress = read_run("one", "k", made.deps)
    assert progress is not None
    assert progress.settled
    assert [(unit.state, unit.kind) for unit in progress.units] == [(State.GIVEN_UP, FailureKind.TIMEOUT)]
    assert [item.attempt for item in made.requests] == [1, 2]


def test_old_manual_request_with_execution_only_in_dataset_does_not_expire() -> None:
    made = simple()
    made.run(made.requests[0])
    request_manually(made)
    made.execute(made.requests[0], NO_DATA, instant=at("06:02"))
    silent_until(made, at("06:30"))
    assert fail_requests(made) == []


def test_settled_manual_run_is_closed() -> None:
    made = simple()
    made.run(made.requests[0])
    request_manually(made)
    assert {key.game_date for key in made.deps.occurrences.opened()} == {DAY, LONG_AGO}
    made.run(made.requests[0], failed(FailureKind.HTTP))
    made.tick(at("06:03"))
    assert [key.game_date for key in made.deps.occurrences.opened()] == [LONG_AGO], "a retry is under way"
    made.run(made.requests[1])
    made.tick(at("06:04"))
    assert made.deps.occurrences.opened() == {}


def test_real_execution_after_presumed_failure_resumes_and_settles_run() -> None:
    """A run that was settled by a presumed death never settled again, and its child stayed under way forever."""
    configuration = configured(
        chain=workflow(
            at_times("23:00"), "bulletin", {"scraper": "digest", "after": ["bulletin"]}, max_retries=0
        )
    )
    made = World(configuration)
    made.land(slate(1), at("05:00"))
    request_manually(made, "chain")
    (parent,) = made.take(ScrapeRequested)
    silent_until(made, at("06:15"))
    made.hear()
    silent_until(made, at("06:16"))
    progress = read_run("chain", "k", made.deps)
    assert progress is not None
    assert progress.settled
    assert made.deps.occurrences.opened() == {}
    made.run(parent)
    (child,) = made.take(ScrapeRequested)
    assert child.step == "digest"
    silent_until(made, at("06:40"))
    made.hear()
    progress = read_run("chain", "k", made.deps)
    assert progress is not None
    assert progress.settled
    assert [unit.state for unit in progress.units] == [State.SUCCESS, State.GIVEN_UP]

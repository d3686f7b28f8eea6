"""Tests of an evaluation: one decision per tick, the same events on each delivery, an ABORT on failure."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    World,
    at,
    at_times,
    calendar,
    configured,
    configured_of,
    daily,
    discovery,
    document,
    failed,
    fixture_file,
    game,
    ids,
    interval,
    per_game,
    scrapers,
    slate,
    standing,
    status_of,
    workflow,
)
from tipoff_common.events import Action, ScheduleState, ScrapeRequested, Tick
from tipoff_common.executions import build_presumed_failure
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import Unavailable
from tipoff_planning.occurrences import occurrences

REPORT = configured(report=workflow(discovery("11:00", "14:00"), "bulletin", max_retries=1))
GAMES = configured(post=workflow(per_game("2h", "30m", "3h"), "box_score"))


def world(configuration: object = REPORT) -> World:
    made = World(configuration)  # type: ignore[arg-type]
    made.land(slate(2), at("04:55"))
    return made


def test_tick_publishes_decision_and_requests() -> None:
    made = world()
    made.tick(at("11:00"))
    (decision,) = made.decisions
    assert (decision.action, decision.triggered_by) == (Action.RUN, "tick")
    assert scrapers(made.requests) == ["bulletin"]


def test_redelivered_tick_republishes_same_events() -> None:
    """Redelivery multiplied the rows; two controllers decided twice (incidents 16 and 19)."""
    made = world()
    made.lock()
    made.bus.published.clear()
    made.tick(at("11:00"))
    first, before = list(made.bus.events), dict(made.state.bodies)
    made.restart()
    made.tick(at("11:00"), wall=at("11:20"))
    assert made.bus.events == first + first
    assert made.state.bodies == before


def test_next_tick_requests_nothing_under_way() -> None:
    made = world()
    made.tick(at("11:00"))
    made.tick(at("11:05"))
    assert len(made.requests) == 1
    assert made.decisions[1].reason_code == "under_way"


def test_dataset_is_queried_once_for_any_number_of_workflows() -> None:
    many = {f"w{index}": workflow(discovery("11:00", "14:00"), "bulletin") for index in range(300)}
    made = world(configured_of(many))
    made.tick(at("11:00"))
    assert len(made.queries) == 1
    assert len(made.decisions) == 300


def test_dataset_is_queried_again_only_for_unanswered_requests() -> None:
    made = world()
    made.tick(at("11:00"))
    (request,) = made.requests
    made.queries.clear()
    made.tick(at("11:30"), wall=at("11:30"))
    assert [query["requests"] for query in made.queries] == [[], [request.request_id]]


def test_failed_dataset_query_is_not_repeated_within_tick(caplog: pytest.LogCaptureFixture) -> None:
    made = world()
    made.tick(at("11:00"))
    made.warehouse.down = True
    made.tick(at("11:30"), wall=at("11:30"))
    assert caplog.text.count("dataset cannot be queried") == 1
    assert made.decisions[-1].context["history_stale"] is True


def test_history_is_read_for_the_days_that_decisions_are_about() -> None:
    made = world()
    made.tick(at("11:00"))
    assert made.queries[0]["game_dates"] == [DAY + timedelta(days=offset) for offset in (-2, -1, 0, 1)]


def test_success_in_dataset_ends_search_despite_empty_ledger() -> None:
    made = world()
    made.tick(at("11:00"))
    (request,) = made.requests
    made.execute(request)
    made.state.bodies.clear()
    made.restart()
    made.tick(at("12:00"))
    assert made.decisions[-1].reason_code == "already_found"


def test_success_in_ledger_ends_search_before_its_row_exists() -> None:
    made = world()
    made.tick(at("11:00"))
    made.run(made.requests[0], logged=False)
    made.tick(at("12:00"))
    assert made.decisions[-1].reason_code == "already_found"


@pytest.mark.parametrize("arrives", ["as message", "as row", "as row of unreadable log"])
def test_pause_asked_by_source_is_kept_however_execution_arrives(arrives: str) -> None:
    """With only the row, the slot counted as spent: the data of the day was never requested again."""
    made = world(configured(one=workflow(discovery("11:00", "18:00", every="6h"), "bulletin")))
    made.tick(at("11:00"))
    (request,) = made.take(ScrapeRequested)
    paused = Failed(kind=FailureKind.QUOTA, message="429", not_before=at("11:40"), paused_host="news.example")
    executed = made.execute(request, paused, instant=at("11:01"))
    if arrives == "as message":
        made.note(executed)
    elif arrives == "as row of unreadable log":
        (name,) = [name for name in made.state.bodies if name.endswith("/000000.json")]
        made.state.put(name, b"{", content_type="application/json")
        made.restart()
    made.tick(at("11:30"))
    (logged,) = made.state_of(request).executions.values()
    assert (logged.not_before, logged.paused_host, logged.message) == (at("11:40"), "news.example", "429")
    made.take(ScrapeRequested)
    made.tick(at("11:45"))
    assert scrapers(made.requests) == ["bulletin"]


@pytest.mark.parametrize("presumed", [True, False])
def test_row_of_presumed_failure_is_logged_as_presumed(presumed: bool) -> None:
    made = world()
    made.tick(at("11:00"))
    (request,) = made.requests
    if presumed:
        made.logged.append(
            build_presumed_failure(request, "no answer", opts={}, environment="local", at=at("11:20"))
        )
    else:
        made.execute(request, failed(FailureKind.TIMEOUT))
    made.tick(at("11:30"))
    assert made.state_of(request).executions[request.request_id].presumed is presumed


def test_times_that_change_during_the_day_are_each_run_once() -> None:
    """17:00 was taken for the day's first time, which had already run."""
    made = world(configured(one=workflow(at_times("09:00", "17:00"), "bulletin")))
    made.lock()
    requested = []
    for clock in ("09:00", "12:15", "17:00", "17:15", "19:00"):
        if clock == "12:15":
            made.restart(configured(one=workflow(at_times("17:00", "19:00"), "bulletin")))
        made.tick(at(clock))
        for request in made.take(ScrapeRequested):
            made.run(request)
            requested.append((clock, request.scraper))
    assert requested == [(clock, "bulletin") for clock in ("09:00", "17:00", "19:00")]


def test_search_moved_to_afternoon_requests_in_afternoon() -> None:
    """The new slots were taken for those of the morning, which had found nothing."""
    made = world(configured(one=workflow(discovery("08:00", "10:00"), "bulletin")))
    made.lock()
    for clock in ("08:00", "09:00", "10:00"):
        made.tick(at(clock))
        made.run(made.requests[-1], NO_DATA)
    made.restart(configured(one=workflow(discovery("14:00", "16:00"), "bulletin")))
    for clock in ("12:00", "14:00", "15:00"):
        made.tick(at(clock))
    requested = [item.requested_at for item in made.requests if item.scraper == "bulletin"]
    assert requested == [at("08:00"), at("09:00"), at("10:00"), at("14:00"), at("15:00")]


def test_ledger_decides_without_dataset_and_marks_history_stale() -> None:
    made = world()
    made.tick(at("11:00"))
    made.run(made.requests[0], NO_DATA)
    made.warehouse.down = True
    made.tick(at("12:00"))
    decision = made.decisions[-1]
    assert (decision.action, decision.context["history_stale"]) == (Action.RUN, True)
    assert made.decisions[0].context["history_stale"] is False


def test_unavailable_ledger_aborts_until_redelivered_tick() -> None:
    """A lost permission stopped every evaluation silently (incident 11)."""
    made = world()
    made.state.down = True
    with pytest.raises(Unavailable):
        made.tick(at("11:00"))
    (decision,) = made.decisions
    assert (decision.action, decision.reason_code) == (Action.ABORT, "history_unavailable")
    assert made.requests == []
    made.state.down = False
    made.tick(at("11:00"), wall=at("11:02"))
    assert made.decisions[-1].action is Action.RUN
    assert len({item.decision_id for item in made.decisions}) == 2


def test_two_controllers_publish_equal_aborts_for_same_tick() -> None:
    """The second delivery reaches another controller, at another instant and with another error: its ABORT had the id
    of the first and another content."""
    made = world()
    for wall, fault in ((at("11:00"), "the first error"), (at("11:02"), "another")):
        made.restart()
        made.state.bucket, made.state.down = fault, True
        with pytest.raises(Unavailable):
            made.tick(at("11:00"), wall=wall)
    first, second = made.decisions
    assert first == second


def test_workflow_aborts_without_calendar_when_data_bucket_is_down() -> None:
    made = world()
    made.data.down = True
    with pytest.raises(Unavailable):
        made.tick(at("11:00"))
    assert {item.action for item in made.decisions} == {Action.ABORT}


def test_last_calendar_decides_while_data_bucket_is_down() -> None:
    made = world()
    made.tick(at("10:45"))
    made.data.down = True
    made.tick(at("11:00"))
    assert made.decisions[-1].action is Action.RUN


@pytest.mark.parametrize("lost_after", [0, 1])
def test_redelivery_publishes_events_lost_by_failing_bus(lost_after: int) -> None:
    made = world()
    made.bus.capacity = lost_after
    with pytest.raises(Unavailable):
        made.tick(at("11:00"))
    made.bus.capacity = None
    made.restart()
    made.tick(at("11:00"))
    assert set(scrapers(made.requests)) == {"bulletin"}
    assert len(set(ids(made.requests))) == len({item.id for item in made.decisions}) == 1


def test_redelivered_tick_publishes_its_lost_requests_after_later_tick() -> None:
    """Other ticks in between and another process make no difference."""
    lost, other = world(), world()
    lost.bus.capacity = 0
    with pytest.raises(Unavailable):
        lost.tick(at("11:00"))
    lost.bus.capacity = None
    lost.tick(at("11:15"))
    assert lost.requests == []
    lost.restart()
    lost.tick(at("11:00"), wall=at("11:16"))
    other.tick(at("11:00"))
    assert ids(lost.requests) == ids(other.requests)


def test_deploy_does_not_change_begun_occurrence() -> None:
    made = world()
    made.tick(at("11:00"))
    made.run(made.requests[0], failed())
    made.restart(configured(report=workflow(discovery("11:00", "14:00"), "digest", max_retries=0)))
    made.tick(at("11:15"))
    assert {item.scraper for item in made.requests} == {"bulletin"}
    assert [item.attempt for item in made.requests] == [1, 2]


def test_only_missing_games_are_requested_again() -> None:
    """One of nine games counted as all; one scraper closed a whole workflow (incidents 9 and 33)."""
    configuration = configured(
        one=workflow(discovery("11:00", "14:00"), {"scraper": "box_score", "for_each": "game"})
    )
    made = world(configuration)
    made.tick(at("11:00"))
    first, second = made.requests
    made.run(first)
    made.run(second, NO_DATA)
    made.tick(at("12:00"))
    assert [item.parameters["game_id"] for item in made.requests[2:]] == [second.parameters["game_id"]]


def test_truncated_schedule_keeps_previous_calendar() -> None:
    made = world(GAMES)
    made.tick(at("20:45"))
    made.land_bytes(document(slate(9))[:-30], at("20:50"))
    made.tick(at("21:00"))
    decision = made.decisions[-1]
    assert (decision.action, decision.context["calendar_age_minutes"]) == (Action.RUN, 16 * 60 + 5)


def test_stale_calendar_is_refetched_and_decides_meanwhile() -> None:
    """A stale calendar was relied on (incident 32)."""
    configuration = configured(
        feeds=workflow(daily("05:00", "06:00"), "slate"),
        post=workflow(per_game("2h", "30m", "3h"), "box_score"),
    )
    made = World(configuration)
    made.land(slate(2), at("04:55", DAY - timedelta(days=2)))
    made.tick(at("21:00"))
    assert scrapers(made.requests) == ["slate", "box_score"]
    assert {item.context["calendar_stale"] for item in made.decisions} == {True}
    made.tick(at("21:05"))
    assert scrapers(made.requests) == ["slate", "box_score"]


# The locked schedule


def test_locked_schedule_matches_expected_occurrences() -> None:
    made = world(fixture_file("schedules"))
    made.lock()
    (schedule,) = made.schedules
    expected = occurrences(made.configuration, calendar(*slate(2)), DAY)
    assert [run.occurrence_id for run in schedule.runs] == [item.id for item in expected]
    assert schedule.games_today == 2


def test_second_lock_republishes_first_schedule() -> None:
    """Locking twice doubled the schedule (incident 35)."""
    made = world(GAMES)
    made.lock()
    made.land(slate(3), at("05:05"))
    made.restart()
    made.lock(clock="05:10")
    first, again = made.schedules
    assert first == again


def test_late_lock_tick_locks_day_of_its_instant() -> None:
    made = world(GAMES)
    made.tick(at("05:00"), Tick.LOCK_SCHEDULE, wall=at("00:30", DAY + timedelta(days=1)))
    assert made.schedules[0].date == DAY


def test_evaluation_locks_schedule_when_lock_tick_is_lost() -> None:
    """A lost lock tick must not leave a day without a schedule."""
    made = world()
    made.tick(at("05:15"))
    assert made.schedules == []
    made.tick(at("05:30"))
    (schedule,) = made.schedules
    assert (schedule.date, schedule.locked_at) == (DAY, at("05:30"))
    made.tick(at("05:45"))
    made.lock(clock="06:00")
    assert made.schedules == [schedule, schedule]


@pytest.mark.parametrize("locks_at", ["00:00", "07:00", "12:45"])
def test_schedule_is_locked_late_by_the_time_of_the_fleets_tick(locks_at: str) -> None:
    made = world()
    made.deps = replace(made.deps, locks_at=time.fromisoformat(locks_at))
    late = at(locks_at) + timedelta(minutes=30)
    made.tick(late - timedelta(minutes=15))
    assert made.schedules == []
    made.tick(late)
    assert [event.locked_at for event in made.schedules] == [late]


def test_cancelled_first_game_leaves_later_slots_to_run() -> None:
    """A fetch around a cancelled game does not count for the slots around the other games (incident 20)."""
    made = world(configured(lines=workflow(interval("2h", "6h"), "bulletin")))
    noon, evening = game(1, at("12:00")), game(2, at("20:00"))
    made.land([noon, evening], at("05:00"))
    made.lock()
    for hour in range(6, 12):
        made.tick(at(f"{hour:02}:00"))
        for request in made.take(ScrapeRequested):
            made.run(request)
    made.land([noon.model_copy(update={"postponed": True}), evening], at("12:00"))
    for hour in range(12, 22):
        made.tick(at(f"{hour:02}:00"))
        for request in made.take(ScrapeRequested):
            made.run(request)
    runs = [item.decision_time for item in made.decisions if item.action is Action.RUN]
    assert runs == [at(f"{hour:02}:00") for hour in range(6, 21, 2) if hour != 12]
    statuses = {status_of(run, made.decisions, at("23:59")) for run in standing(made.schedules).values()}
    assert statuses == {"ON_TIME", "CANCELLED"}


def test_postponed_game_is_cancelled_once_and_added_when_restored() -> None:
    """A postponed game stayed expected (incident 20)."""
    made = world(GAMES)
    one, two = slate(2)
    made.lock()
    steps = [(12, [one]), (13, [one, two]), (14, [one])]
    for hour, games in steps:
        made.land(
            [*games, *([] if two in games else [two.model_copy(update={"postponed": True})])],
            at(f"{hour}:00"),
        )
        made.tick(at(f"{hour}:00"))
        made.tick(at(f"{hour}:15"))
    changes = made.schedules[1:]
    assert [{run.state.value for run in event.runs} for event in changes] == [
        {"CANCELLED"},
        {"ADDED"},
        {"CANCELLED"},
    ]
    assert {run.subject for event in changes for run in event.runs} == {two.game_id}
    final = standing(made.schedules)
    assert {run.subject for run in final.values() if run.state is ScheduleState.CANCELLED} == {two.game_id}


def test_moved_game_keeps_its_occurrences_in_schedule() -> None:
    made = world(GAMES)
    one, two = slate(2)
    made.lock()
    moved = game(0, at("21:00"), game_id=two.game_id, home_team=two.home_team, away_team=two.away_team)
    made.land([one, moved], at("12:00"))
    made.tick(at("12:00"))
    locked, change = made.schedules
    assert {run.occurrence_id for run in change.runs} <= {run.occurrence_id for run in locked.runs}
    assert {run.state for run in change.runs} == {ScheduleState.ADDED}


def test_schedule_locked_without_calendar_adds_games_later() -> None:
    made = World(GAMES)
    made.lock()
    assert (made.schedules[0].games_today, made.schedules[0].runs) == (None, ())
    made.tick(at("06:00"))
    assert len(made.schedules) == 1
    made.land(slate(2), at("07:00"))
    made.tick(at("07:00"))
    assert {run.state for run in made.schedules[1].runs} == {ScheduleState.ADDED}


def test_unchanged_slate_publishes_schedule_once() -> None:
    made = world(configured(lines=workflow(interval(), "bulletin")))
    made.lock()
    for hour in range(6, 20):
        made.tick(at(f"{hour:02}:00"))
    assert len(made.schedules) == 1


def test_post_game_run_after_midnight_keeps_previous_game_date() -> None:
    """The occurrence passes its own game date to the parameters (incidents 1, 18 and 34)."""
    tomorrow = DAY + timedelta(days=1)
    made = World(GAMES)
    made.land([game(1, at("22:30"))], at("20:00"))
    made.tick(at("00:30", tomorrow))
    (request,) = made.requests
    assert (request.game_date, request.parameters["game_date"]) == (DAY, DAY.isoformat())


def test_retry_budget_holds_across_ticks() -> None:
    made = world()
    made.tick(at("11:00"))
    for minute in (15, 30, 45):
        for request in made.take(ScrapeRequested):
            made.run(request, failed(FailureKind.TIMEOUT))
        made.tick(at(f"11:{minute}"))
    assert made.requests == []
    assert made.decisions[-1].reason_code == "budget_used"
    assert made.decisions[-1].alert_level.value == "WARNING"


def test_fixed_times_run_despite_earlier_success() -> None:
    made = world(configured(lines=workflow(at_times("11:00", "12:00"), "bulletin")))
    made.tick(at("11:00"))
    made.run(made.requests[0])
    made.tick(at("12:00"))
    assert len(set(ids(made.requests))) == 2

"""Tests of a day's expected schedule: its lock and the changes after it."""

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    at,
    at_times,
    calendar,
    configured,
    fixture_file,
    game,
    interval,
    per_game,
    slate,
    standing,
    workflow,
)
from tipoff_common.events import ScheduleLocked, ScheduleState
from tipoff_planning.calendar import Calendar
from tipoff_planning.expected_schedule import draft_change, draft_schedule, dropped_runs
from tipoff_planning.occurrences import occurrences
from tipoff_planning.workflows import Configuration

CONFIGURATION = configured(one=workflow(per_game("2h", "30m", "2h30m"), "box_score"))
ONE, TWO = game(1, at("19:00")), game(2, at("20:00"))
BOTH = calendar(ONE, TWO)


def lock(
    games: Calendar | None = BOTH, configuration: Configuration = CONFIGURATION, clock: str = "05:00"
) -> ScheduleLocked:
    return draft_schedule(
        occurrences(configuration, games, DAY),
        configuration,
        day=DAY,
        games_today=len(games.games_on(DAY, ["regular"])) if games else None,
        environment="local",
        locked_at=at(clock),
    )


def change(
    before: Sequence[ScheduleLocked],
    games: Calendar,
    now: datetime,
    begun: Container[str] = (),
    configuration: Configuration = CONFIGURATION,
    current: Calendar | None = None,
) -> ScheduleLocked:
    """Return the change; `told` is the calendar for the reasons."""
    return draft_change(
        before,
        occurrences(configuration, games, DAY),
        configuration,
        begun=begun,
        calendar=current,
        games_today=None,
        now=now,
    )


def states(event: ScheduleLocked) -> list[tuple[str, str]]:
    return [(run.subject[-1], run.state.value) for run in event.runs]


def test_locked_runs_equal_expected_occurrences() -> None:
    configuration, games = fixture_file("schedules"), calendar(*slate(4))
    locked = lock(games, configuration)
    expected = occurrences(configuration, games, DAY)
    assert [run.occurrence_id for run in locked.runs] == [item.id for item in expected]
    assert [(run.expected_run_time, run.deadline) for run in locked.runs] == [
        (item.expected, item.deadline) for item in expected
    ]
    assert {run.state for run in locked.runs} == {ScheduleState.EXPECTED}


def test_locking_twice_makes_the_same_rows() -> None:
    """Locking twice doubled the schedule (incident 35)."""
    first, again = lock(), lock(clock="05:15")
    assert first.id == again.id
    assert [run.schedule_row_id for run in first.runs] == [run.schedule_row_id for run in again.runs]


def test_another_configuration_or_slate_is_another_version() -> None:
    other = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    versions = {
        lock().schedule_version,
        lock(calendar(ONE)).schedule_version,
        lock(BOTH, other).schedule_version,
    }
    assert len(versions) == 3


def test_day_without_games_differs_from_day_without_calendar() -> None:
    """Days off looked degraded (incident 31)."""
    assert lock(calendar()).games_today == 0
    assert lock(None).games_today is None


def test_unchanged_slate_changes_no_run() -> None:
    assert change([lock()], BOTH, at("12:00")).runs == ()


def test_postponed_game_is_cancelled_in_new_rows() -> None:
    """A postponed game stayed expected (incident 20)."""
    locked = lock()
    found = change([locked], calendar(ONE, game(2, at("20:00"), postponed=True)), at("12:00"))
    assert states(found) == [("2", "CANCELLED"), ("2", "CANCELLED")]
    before = {run.occurrence_id: run for run in locked.runs}
    for run in found.runs:
        old = before[run.occurrence_id]
        assert run.schedule_row_id not in {item.schedule_row_id for item in locked.runs}
        assert (run.expected_run_time, run.deadline) == (old.expected_run_time, old.deadline)
        assert run.reason == "no longer expected: the day's games or the configuration changed"


def test_moved_game_is_added_with_same_occurrence() -> None:
    locked = lock()
    found = change([locked], calendar(ONE, game(2, at("21:30"))), at("12:00"))
    assert states(found) == [("2", "ADDED"), ("2", "ADDED")]
    old = {run.occurrence_id: run.expected_run_time for run in locked.runs}
    assert [run.expected_run_time - old[run.occurrence_id] for run in found.runs] == [
        timedelta(minutes=90)
    ] * 2


def test_new_game_adds_runs() -> None:
    assert states(change([lock(calendar(ONE))], BOTH, at("12:00"))) == [("2", "ADDED"), ("2", "ADDED")]


def test_repeated_postponement_adds_a_row_each_time() -> None:
    """Postponed, reinstated, postponed again: each change has a row, and the last row counts."""
    events = [lock()]
    for hour, games in ((10, calendar(ONE)), (11, BOTH), (12, calendar(ONE)), (13, BOTH)):
        events.append(change(events, games, at(f"{hour}:00")))
    assert [states(event)[0][1] for event in events[1:]] == ["CANCELLED", "ADDED", "CANCELLED", "ADDED"]
    rows = [run.schedule_row_id for event in events for run in event.runs]
    assert len(rows) == len(set(rows))
    assert len({event.id for event in events}) == 5
    assert {run.state for run in standing(events).values()} == {ScheduleState.EXPECTED, ScheduleState.ADDED}


def test_the_same_change_drafted_twice_is_the_same_rows() -> None:
    locked = lock()
    once, again = (change([locked], calendar(ONE), at(clock)) for clock in ("12:00", "12:15"))
    assert once.id == again.id
    assert [run.schedule_row_id for run in once.runs] == [run.schedule_row_id for run in again.runs]


def test_run_past_its_deadline_is_not_cancelled() -> None:
    found = change([lock()], calendar(), at("21:30"))  # after the end of game 1's first slot
    assert [(run.subject[-1], run.expected_run_time) for run in found.runs] == [
        ("1", at("21:30")),
        ("2", at("22:00")),
        ("2", at("22:30")),
    ]


def test_begun_run_is_not_cancelled() -> None:
    locked = lock()
    begun = {run.occurrence_id for run in locked.runs if run.expected_run_time == at("21:00")}
    found = change([locked], calendar(), at("21:10"), begun)
    assert at("21:00") not in {run.expected_run_time for run in found.runs}
    assert at("21:00") in {run.expected_run_time for run in change([locked], calendar(), at("21:10")).runs}


def test_dropped_runs_are_those_that_a_change_may_cancel() -> None:
    """The caller looks up only these, whether they have begun."""
    locked = lock()
    cancelled = change([locked], calendar(ONE), at("12:00"))
    none_expected = dropped_runs([locked, cancelled], [], at("21:30"))
    # Without game 2, cancelled already, and without game 1's first slot, past its deadline.
    assert [(run.subject[-1], run.expected_run_time) for run in none_expected] == [("1", at("21:30"))]
    assert dropped_runs([locked], occurrences(CONFIGURATION, BOTH, DAY), at("12:00")) == []


def test_run_added_within_its_window_is_expected() -> None:
    """Otherwise the log would have a run that no schedule expects."""
    late = configured(one=workflow(at_times("12:00", within="1h"), "digest"))
    locked = lock(calendar(), late)
    assert locked.runs == ()
    found = change([locked], calendar(ONE), at("12:15"), configuration=late)
    assert [run.expected_run_time for run in found.runs] == [at("12:00")]


def test_run_at_its_deadline_is_not_added() -> None:
    late = configured(one=workflow(at_times("12:00", within="1h"), "digest"))
    assert change([lock(calendar(), late)], calendar(ONE), at("13:00"), configuration=late).runs == ()


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"postponed": True}, "game 0022400002 was called off"),
        (
            {"tipoff": at("20:00", DAY + timedelta(days=3)), "game_date": DAY + timedelta(days=3)},
            "game 0022400002 was moved to 2025-01-18",
        ),
        ({"tipoff": None}, "the time of game 0022400002 is undecided"),
        ({"game_type": "preseason"}, "the day's games or the configuration changed"),
    ],
)
def test_cancellation_reason_names_change_of_the_game(second: dict[str, Any], reason: str) -> None:
    games = calendar(ONE, TWO.model_copy(update=second))
    found = change([lock()], games, at("12:00"), current=games)
    assert {(run.subject, run.reason) for run in found.runs} == {
        (TWO.game_id, f"no longer expected: {reason}")
    }


def test_cancellation_of_whole_day_run_names_games_called_off() -> None:
    """Such a run has no game as its subject."""
    around = configured(one=workflow(interval("2h", "6h"), "bulletin"))
    off = calendar(*(it.model_copy(update={"postponed": True}) for it in (ONE, TWO)))
    found = change([lock(BOTH, around)], off, at("12:00"), configuration=around, current=off)
    assert {run.reason for run in found.runs} == {"no longer expected: 0022400001, 0022400002 called off"}
    nothing = calendar()
    found = change([lock(BOTH, around)], nothing, at("12:00"), configuration=around, current=nothing)
    assert {run.reason for run in found.runs} == {
        "no longer expected: the day's games or the configuration changed"
    }

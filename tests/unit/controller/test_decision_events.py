"""Tests of the reasons in decisions: failing sources, long silence, pauses, games without a time, changed calendars."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    World,
    at,
    at_times,
    calendar,
    configured,
    daily,
    decided,
    discovery,
    failed,
    game,
    interval,
    per_game,
    slate,
    workflow,
)
from tipoff_common.clock import EASTERN
from tipoff_common.events import (
    Action,
    AlertLevel,
    ScheduleState,
    ScrapeRequested,
    Tick,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.outcomes import Failed, FailureKind
from tipoff_common.ports import Unavailable
from tipoff_controller.handlers import handle_tick
from tipoff_planning.calendar import Game

MORNING = configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=3))


def world(configuration: Any = MORNING, games: int = 2) -> World:
    made = World(configuration)
    made.land(slate(games), at("04:55"))
    return made


def answer(made: World, outcome: Any, until: str = "10:00", start: str = "05:00") -> list[str]:
    """Tick every quarter of an hour, answer each request with the outcome, and return the times of the requests."""
    instant, requested = at(start), []
    while instant <= at(until):
        made.tick(instant)
        while requests := made.take(ScrapeRequested):
            requested += [f"{instant.astimezone(at('00:00').tzinfo):%H:%M}"] * len(requests)
            for request in requests:
                made.run(request, outcome, instant=instant)
        instant += timedelta(minutes=15)
    return requested


def test_retries_are_spread_over_the_rest_of_the_window() -> None:
    """Four failures in the first minute used up the attempts for a five-hour window."""
    made = world()
    requested = answer(made, failed(FailureKind.HTTP))
    assert len(requested) == 4
    assert requested[0] == requested[1], "the first retry follows at once"
    assert requested[1] < requested[2] < requested[3] < "15:00", "the others later, within the window (UTC)"


def test_reason_after_failure_names_time_of_next_retry() -> None:
    made = world()
    answer(made, failed(FailureKind.HTTP), until="05:15")
    assert "a retry follows from 2025-01-15 06:" in made.decisions[-1].reason


def test_source_that_recovers_within_window_is_fetched() -> None:
    made = world()
    answer(made, failed(FailureKind.TIMEOUT), until="06:00")
    answer(made, SUCCESS, start="06:15")
    assert made.decisions[-1].reason_code in ("day_done", "already_found")


@pytest.mark.parametrize(
    "schedule", [daily("05:00", "10:00"), discovery("05:00", "09:00"), at_times("05:00", within="1h")]
)
def test_window_closed_after_failures_warns_of_failing_source(schedule: dict[str, Any]) -> None:
    made = world(configured(one=workflow(schedule, "bulletin", max_retries=1)))
    answer(made, failed(FailureKind.HTTP), until="11:00")
    last = made.decisions[-1]
    assert (last.reason_code, last.alert_level) == ("source_failing", AlertLevel.WARNING)
    assert "bulletin kept failing" in last.reason
    assert "http: it failed: http" in last.reason
    assert last.context["error_type"] == "http"


def test_window_closed_without_data_is_not_found() -> None:
    made = world(configured(one=workflow(discovery("05:00", "09:00"), "bulletin")))
    answer(made, NO_DATA, until="11:00")
    assert made.decisions[-1].reason_code == "not_found"


def test_repeated_no_data_warns_until_success() -> None:
    """Endless no_data caused no alert in workflows that do not search."""
    made = world(configured(one=workflow(at_times(*(f"{hour:02}:00" for hour in range(6, 20))), "bulletin")))
    codes = []
    for hour in range(6, 11):
        made.tick(at(f"{hour:02}:00"))
        made.run(made.take(ScrapeRequested)[0], SUCCESS if hour == 9 else NO_DATA, logged=False)
        made.tick(at(f"{hour:02}:15"))
        made.tick(at(f"{hour:02}:30"))
        codes.append((made.decisions[-1].reason_code, made.decisions[-1].alert_level.value))
    quiet = ("not_published", "NONE")
    assert codes == [quiet, quiet, ("nothing_for_long", "WARNING"), ("already_found", "NONE"), quiet]


def test_no_request_before_instant_named_by_source() -> None:
    """A long Retry-After was dropped, and the source got four requests in a minute."""
    made = world(configured(one=workflow(at_times("06:00", "07:00", "09:00"), "bulletin")))
    pause = Failed(kind=FailureKind.QUOTA, message="asked to wait", not_before=at("08:00"))
    made.tick(at("06:00"))
    made.run(made.take(ScrapeRequested)[0], pause)
    made.tick(at("07:00"))
    assert made.requests == []
    assert made.decisions[-1].reason_code == "source_paused"
    made.tick(at("09:00"))
    assert len(made.requests) == 1


NEWS = configured(
    one=workflow(at_times(*(f"{hour:02}:00" for hour in range(6, 20))), "bulletin"),
    other=workflow(at_times("06:30", "12:30", "19:30"), "digest"),
    elsewhere=workflow(at_times("06:30", "12:30", "19:30"), "summary"),
)
"""bulletin and digest need the same host; summary names no host."""


def requested_through_day(made: World, pause: Failed, restart: bool) -> list[tuple[str, str]]:
    """Run a day in which the first request ends in a pause and the others succeed; return (time, scraper) of each."""
    requested = []
    for quarter in range(24, 80):
        instant = at("00:00") + quarter * timedelta(minutes=15)
        if restart:
            made.restart()
        made.tick(instant)
        for request in made.take(ScrapeRequested):
            requested.append((f"{instant.astimezone(EASTERN):%H:%M}", request.scraper))
            made.run(request, pause if len(requested) == 1 else SUCCESS, instant=instant, logged=False)
    return requested


@pytest.mark.parametrize("restart", [False, True])
def test_host_pause_holds_for_all_its_scrapers_across_occurrences(restart: bool) -> None:
    """Only the scraper that received the pause waited, and only until its occurrence ended."""
    pause = Failed(kind=FailureKind.QUOTA, message="429", not_before=at("18:59"), paused_host="news.example")
    requested = requested_through_day(world(NEWS), pause, restart)
    assert [item for item in requested if item[1] != "summary"] == [
        ("06:00", "bulletin"),
        ("19:00", "bulletin"),
        ("19:30", "digest"),
    ]
    assert [clock for clock, scraper in requested if scraper == "summary"] == ["06:30", "12:30", "19:30"]


def test_pause_by_undeclared_host_pauses_no_scraper() -> None:
    pause = Failed(
        kind=FailureKind.QUOTA, message="429", not_before=at("18:59"), paused_host="second.example"
    )
    requested = requested_through_day(world(NEWS), pause, restart=False)
    assert len([item for item in requested if item[1] == "bulletin"]) == 14


def test_scraper_without_declared_hosts_waits_for_paused_host() -> None:
    made = world(configured(one=workflow(at_times("06:00", "07:00", "09:00"), "summary")))
    pause = Failed(kind=FailureKind.QUOTA, message="429", not_before=at("08:00"), paused_host="a.example")
    made.tick(at("06:00"))
    made.run(made.take(ScrapeRequested)[0], pause)
    for clock, count in (("07:00", 0), ("09:00", 1)):
        made.tick(at(clock))
        assert len(made.requests) == count


def test_quota_failure_is_retried_after_not_before_within_window() -> None:
    made = world()
    outcome = Failed(
        kind=FailureKind.QUOTA, message="429", not_before=at("06:10"), paused_host="news.example"
    )
    made.tick(at("05:00"))
    made.run(made.take(ScrapeRequested)[0], outcome)
    for clock, count in (("05:15", 0), ("06:00", 0), ("06:15", 1)):
        made.tick(at(clock))
        assert len(made.requests) == count


def test_calendar_is_not_refetched_until_source_pause_ends() -> None:
    made = World(FEEDS)
    made.land(slate(2), at("05:00"))
    made.tick(at("06:00"))
    pause = Failed(kind=FailureKind.QUOTA, message="429", not_before=at("09:30"))
    made.run(made.take(ScrapeRequested)[0], pause, instant=at("06:00"))
    requested = []
    for hour in range(7, 12):
        made.tick(at(f"{hour:02}:00"))
        for request in made.take(ScrapeRequested):
            requested.append(hour)
            made.run(request, instant=at(f"{hour:02}:00"))
            made.land(slate(2), at(f"{hour:02}:00"))
    assert requested == [10, 11]


def test_a_retry_waits_for_the_instant_that_the_source_named() -> None:
    made = world()
    outcome = Failed(kind=FailureKind.HTTP, message="asked to wait", not_before=at("06:10"))
    made.tick(at("05:00"))
    made.run(made.take(ScrapeRequested)[0], outcome)
    for clock, count in (("05:15", 0), ("06:00", 0), ("06:15", 1)):
        made.tick(at(clock))
        assert len(made.requests) == count


def test_abort_is_published_once_per_tick_not_per_delivery() -> None:
    """A bucket outage of an hour caused 40,000 events."""
    made = world()
    made.state.down = True
    for minute in (0, 1, 5):
        with pytest.raises(Unavailable):
            made.tick(at("05:00"), wall=at(f"05:{minute:02}"))
    assert len(made.decisions) == 1
    with pytest.raises(Unavailable):
        made.tick(at("05:15"))
    assert len(made.decisions) == 2


def test_tick_published_slightly_early_counts_for_its_minute() -> None:
    """A tick published at 10:59:59.9 counted as that of 10:45, and the next evaluation was at 11:15."""
    made = world(configured(one=workflow(at_times("11:00"), "bulletin")))
    moment = at("11:00") - timedelta(milliseconds=100)
    made.now(moment)
    handle_tick(TickFired(tick=Tick.EVALUATE, cadence_minutes=15), moment, made.deps, moment)
    assert [item.decision_time for item in made.decisions] == [at("11:00")]
    assert len(made.requests) == 1


# The calendar through the game day


FEEDS = configured(
    feeds=workflow(daily("05:00", "06:00"), "slate"), post=workflow(per_game("2h", "30m", "3h"), "box_score")
)


def test_schedule_is_read_hourly_on_game_day_until_last_tip_off() -> None:
    """The schedule was read only once a day."""
    made = World(FEEDS)
    made.land(slate(2), at("05:00"))
    requested = []
    for quarter in range(24, 96):
        instant = at("00:00") + quarter * timedelta(minutes=15)
        made.tick(instant)
        for request in made.take(ScrapeRequested):
            if request.scraper == "slate":
                requested.append(instant)
                made.run(request, instant=instant)
                made.land(slate(2), instant)
    assert requested == [at(f"{hour:02}:00") for hour in range(6, 20)]


def test_schedule_is_not_reread_on_day_without_games() -> None:
    made = World(FEEDS)
    made.land(slate(2, DAY + timedelta(days=1)), at("05:00"))
    made.tick(at("12:00"))
    assert made.requests == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"postponed": True}, "was called off"),
        ({"game_date": DAY + timedelta(days=3)}, "was moved to 2025-01-18"),
        ({"tipoff": None}, "the time of game"),
    ],
)
def test_runs_of_changed_game_are_cancelled_with_reason(changes: dict[str, Any], why: str) -> None:
    made = world(FEEDS)
    one, two = slate(2)
    made.lock()
    made.land([one, two.model_copy(update=changes)], at("14:00"))
    made.tick(at("14:00"))
    (cancelled,) = made.schedules[1:]
    assert {run.state for run in cancelled.runs} == {ScheduleState.CANCELLED}
    assert {run.subject for run in cancelled.runs} == {two.game_id}
    assert all(why in run.reason for run in cancelled.runs)


def test_calendar_change_after_midnight_amends_previous_day() -> None:
    """Yesterday's games may end after midnight, and tomorrow may be locked ahead."""
    made = World(FEEDS)
    late, tomorrow = game(1, at("23:30")), DAY + timedelta(days=1)
    made.land([late], at("05:00"))
    made.lock()
    made.land([late.model_copy(update={"postponed": True})], at("23:45"))
    made.tick(at("00:15", tomorrow))
    assert [(event.date, event.runs[0].state.value) for event in made.schedules[1:]] == [(DAY, "CANCELLED")]


def test_workflow_added_during_day_is_expected_in_fleet_without_games() -> None:
    """Such a fleet has no calendar, so its locked day never changed and was green although its sources failed."""
    before = configured(one=workflow(daily("05:00", "10:00"), "bulletin"))
    made = World(before)
    made.lock()
    made.restart(configured(two=workflow(daily("12:00", "14:00"), "bulletin")))
    made.tick(at("11:00"))
    assert made.configuration.needing_games == frozenset()
    assert [(run.workflow_name, run.state.value) for event in made.schedules[1:] for run in event.runs] == [
        ("two", "ADDED")
    ]


def test_game_without_time_is_named_and_due_once_timed() -> None:
    """Such a day was declared done, and its games were never fetched."""
    configuration = configured(post=workflow(per_game("2h", "30m", "3h"), "box_score"))
    undecided = game(7, None, home_team=None, away_team=None)
    decisions = decided(configuration, at("06:00"), games=calendar(undecided, fetched_at=at("05:05")))
    assert decisions.code.value == "times_unknown"
    assert undecided.game_id in decisions.sentence
    timed = calendar(game(7, at("19:00")), fetched_at=at("12:00"))
    assert decided(configuration, at("21:00"), games=timed).code.value == "due"


def test_moved_game_leaves_no_gap_between_interval_runs() -> None:
    """The slot of 09:30 had the number of the slot of 08:00, so the next fetch came after 3.5 hours."""
    made = World(configured(lines=workflow(interval("2h", "6h"), "bulletin")))
    first, evening = game(1, at("12:00")), game(2, at("20:00"))
    made.land([first, evening], at("05:00"))
    runs = []
    for quarter in range(24, 80):
        instant = at("00:00") + quarter * timedelta(minutes=15)
        if instant == at("09:00"):
            made.land([game(1, at("13:30"), game_id=first.game_id), evening], instant)
        made.tick(instant)
        for request in made.take(ScrapeRequested):
            runs.append(instant)
            made.run(request, instant=instant)
    gaps = {later - earlier for earlier, later in pairwise(runs)}
    assert max(gaps) <= timedelta(hours=2)


# A scoreboard against the calendar

SCOREBOARD = configured(
    feeds=workflow(daily("05:00", "06:00"), "slate"),
    scores=workflow(at_times("12:20", "12:40", "13:20", "20:50"), "bulletin"),
    post=workflow(per_game("2h", "30m", "3h"), "box_score"),
)


def look(made: World, clock: str, slate_told: Any, outcome: Any = SUCCESS) -> list[str]:
    """Read a scoreboard at `clock`; return code and sentence of the decision to fetch the schedule after it."""
    instant = at(clock)
    made.tick(instant)
    for request in made.take(ScrapeRequested):
        event = made.execute(request, outcome, instant=instant + timedelta(seconds=5))
        result = {"slate": slate_told} if request.scraper == "bulletin" else {}
        made.note(event.model_copy(update={"data_summary": {**event.data_summary, **result}}))
        if request.scraper == "slate":
            made.land(made_games(made), instant + timedelta(seconds=5))
    made.take(WorkflowDecided)
    made.tick(instant + timedelta(minutes=5))
    runs = [item for item in made.take(WorkflowDecided) if item.action is Action.RUN]
    return [
        text for item in runs if item.workflow_name == "feeds" for text in (item.reason_code, item.reason)
    ]


def made_games(made: World) -> list[Game]:
    found = made.deps.calendar.current(at("12:00"))
    assert found is not None
    return list(found.all_on(DAY))


def game_attributes(*games: Game, **changes: str) -> dict[str, str]:
    """Return a scoreboard's slate of these games: their own times unless changed."""
    return {"@".join(item.teams): item.tipoff.isoformat() for item in games if item.tipoff} | changes


ONE, TWO = slate(2)
FIRST = "@".join(ONE.teams)


@pytest.mark.parametrize(
    ("slate", "what"),
    [
        (game_attributes(ONE, TWO, **{FIRST: "off"}), "called off"),
        (game_attributes(ONE, TWO, **{FIRST: at("22:00").isoformat()}), f"has {FIRST} at 22:00 EST"),
        (game_attributes(ONE, TWO, **{"AAA@BBB": at("22:00").isoformat()}), "lists AAA@BBB"),
        (game_attributes(TWO), f"does not list {FIRST}"),
        ({}, "does not list"),
    ],
)
def test_contradicting_scoreboard_rereads_schedule_once_an_hour(slate: dict[str, str], what: str) -> None:
    """A game called off at 14:00 was requested 35 times, as the calendar was read once a day."""
    made = World(SCOREBOARD)
    made.land([ONE, TWO], at("12:05"))
    code, sentence = look(made, "12:20", slate)
    assert (code, f"bulletin of {DAY} " in sentence, what in sentence) == (
        "calendar_contradicted",
        True,
        True,
    )
    assert [item.scraper for item in made.take(ScrapeRequested)] == ["slate"]
    assert look(made, "12:40", slate) == [], "once an hour, whatever the scoreboard says"


@pytest.mark.parametrize(
    ("slate", "outcome"),
    [
        (game_attributes(ONE, TWO), SUCCESS),
        (game_attributes(ONE, TWO, **{FIRST: at("19:10").isoformat()}), SUCCESS),
        (game_attributes(TWO), failed(FailureKind.SOURCE_CHANGED)),
        (None, SUCCESS),
        ("two games", SUCCESS),
        ({FIRST: "soon"}, SUCCESS),
        ({FIRST: 7}, SUCCESS),
        ({"A" * 100: "off"}, SUCCESS),
        ({FIRST: "9999-12-31T23:59:59+00:00"}, SUCCESS),
    ],
)
def test_agreeing_failed_or_malformed_scoreboard_rereads_nothing(slate: Any, outcome: Any) -> None:
    made = World(SCOREBOARD)
    made.land([ONE, TWO], at("12:05"))
    assert look(made, "12:20", slate, outcome) == []


def test_scoreboard_older_than_schedule_is_ignored() -> None:
    made = World(SCOREBOARD)
    made.land([ONE, TWO], at("12:05"))
    assert look(made, "12:20", game_attributes(TWO))[0] == "calendar_contradicted"
    (request,) = [item for item in made.take(ScrapeRequested) if item.scraper == "slate"]
    made.run(request, instant=at("12:26"))
    made.land([TWO], at("12:26"))
    made.tick(at("12:30"))
    assert not [item for item in made.requests if item.scraper == "slate"]


def test_game_without_time_is_named_beside_timed_games() -> None:
    timed, open_game = game(1, at("19:00")), game(7, None, home_team="H07", away_team="A07")
    configuration = configured(post=workflow(per_game("2h", "30m", "3h"), "box_score"))
    decisions = decided(configuration, at("06:00"), games=calendar(timed, open_game))
    assert decisions.code.value == "too_early"
    assert f"No time yet: {open_game.game_id} (A07@H07)" in decisions.sentence

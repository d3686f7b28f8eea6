"""Tests of calendar refreshes beside the calendar's own workflow: hourly, and after a contradictory scoreboard."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    at,
    calendar,
    configured,
    daily,
    decision_inputs,
    fact,
    game,
    history,
    plan_of,
    workflow,
)
from tipoff_common.events import PauseTarget
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.calendar_refresh import REFRESH, refresh_occurrence
from tipoff_planning.decision import Decision
from tipoff_planning.decisions import decide
from tipoff_planning.history import ExecutionFact
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.reasons import Reason

FEEDS = configured(feeds=workflow(daily("05:00", "05:15"), "slate"))
REFRESHES = {Reason.CALENDAR_STALE, Reason.CALENDAR_REREAD, Reason.CALENDAR_CONTRADICTED}
EVENING = game(1, at("19:00"))
"""A01@H01"""
READ = at("12:30")
"""The time of the scoreboards below, after the calendar of 12:00."""


def refreshed(
    now: datetime, games: Calendar | None, *facts: ExecutionFact, configuration: Any = FEEDS, **more: Any
) -> Decision | None:
    inputs = decision_inputs(configuration, now, games=games, history=history(*facts), **more)
    found = [item for item in decide(inputs) if item.code in REFRESHES]
    assert len(found) <= 1
    return found[0] if found else None


def scoreboard(*, day: date = DAY, read: datetime = READ, **listed: datetime | None) -> ExecutionFact:
    """Return a scoreboard; `listed` has tip-offs by "AWAY_HOME"."""
    slate = {name.replace("_", "@"): tipoff for name, tipoff in listed.items()}
    return fact("bulletin", game_date=day, triggered_at=read, request_id=f"board-{read}-{day}", slate=slate)


def contradiction(*games: Game, **listed: datetime | None) -> str | None:
    """Return a scoreboard's contradiction of a calendar of these games that is too new for the hourly refresh."""
    found = refreshed(at("12:40"), calendar(*games, fetched_at=at("12:00")), scoreboard(**listed))
    return found.sentence if found else None


# Hourly


def test_a_refresh_lasts_until_the_hour_is_over() -> None:
    found = refreshed(at("12:20") + timedelta(seconds=30, microseconds=7), None)
    assert found is not None
    assert (found.occurrence.expected, found.occurrence.deadline) == (at("12:00"), at("13:00"))


def test_each_hours_refresh_has_a_distinct_id() -> None:
    """Two refreshes with one identity would be requested once."""
    start = at("00:00")
    hours = [refresh_occurrence(FEEDS, start + timedelta(hours=n), REFRESH) for n in range(365 * 24)]
    assert len({item.id for item in hours if item}) == len(hours)


@pytest.mark.parametrize(
    ("clock", "fetched_at", "again"),
    [
        ("05:29", "04:00", False),  # the morning's own fetch was due a moment ago
        ("05:30", "04:00", True),
        ("12:59", "12:00", False),
        ("13:00", "12:00", True),
        ("18:59", "12:00", True),
        ("19:00", "12:00", False),  # the last game has begun
    ],
)
def test_hour_old_calendar_is_refreshed_on_game_day(clock: str, fetched_at: str, again: bool) -> None:
    found = refreshed(at(clock), calendar(EVENING, fetched_at=at(fetched_at)))
    assert (found is not None and found.code is Reason.CALENDAR_REREAD) is again


@pytest.mark.parametrize("later", [game(2, at("22:00")), game(2, None)])
def test_calendar_is_refreshed_until_last_game_begins(later: Game) -> None:
    assert refreshed(at("20:00"), calendar(EVENING, later, fetched_at=at("12:00"))) is not None


@pytest.mark.parametrize(("hours", "stale"), [(36, False), (37, True)])
def test_calendar_over_maximum_age_is_refreshed_as_stale(hours: int, stale: bool) -> None:
    found = refreshed(at("12:00"), calendar(fetched_at=at("12:00") - timedelta(hours=hours)))
    assert (found is not None and found.code is Reason.CALENDAR_STALE) is stale


def test_staleness_takes_precedence_over_contradiction() -> None:
    old = calendar(EVENING, fetched_at=at("12:40") - timedelta(hours=40))
    found = refreshed(at("12:40"), old, scoreboard(A09_H09=at("20:00")))
    assert found is not None
    assert found.code is Reason.CALENDAR_STALE


def test_calendar_is_not_refreshed_while_its_scraper_is_paused() -> None:
    pause = Pause(
        id="p",
        target=PauseTarget.SCRAPER,
        name="slate",
        since=at("11:00"),
        until=at("13:00"),
        by="ann@example.com",
        why="it moved",
    )
    pauses = Pauses(items=(pause,))
    assert refreshed(at("12:20"), None, pauses=pauses) is None
    assert refreshed(at("13:20"), None, pauses=pauses) is not None


def test_due_run_of_other_workflow_does_not_replace_refresh() -> None:
    configuration = configured(
        feeds=workflow(daily("05:00", "05:15"), "slate"), one=workflow(daily("12:00", "14:00"), "bulletin")
    )
    assert refreshed(at("12:20"), None, configuration=configuration) is not None


def test_due_run_of_calendar_workflow_replaces_refresh() -> None:
    configuration = configured(
        feeds=workflow(daily("12:00", "14:00"), "slate"), one=workflow(daily("05:00", "06:00"), "bulletin")
    )
    assert refreshed(at("12:20"), None, configuration=configuration) is None


# A scoreboard against the calendar


def test_matching_scoreboard_is_no_contradiction() -> None:
    assert contradiction(EVENING, A01_H01=at("19:00")) is None


@pytest.mark.parametrize(("minutes", "moved"), [(29, False), (30, True), (-30, True), (-29, False)])
def test_a_tip_off_may_differ_by_less_than_half_an_hour(minutes: int, moved: bool) -> None:
    found = contradiction(EVENING, A01_H01=at("19:00") + timedelta(minutes=minutes))
    assert (found is not None) is moved


def test_contradiction_sentence_names_scraper_game_and_difference() -> None:
    assert contradiction(EVENING, A01_H01=at("20:30")) == (
        "The schedule is read again: bulletin of 2025-01-15 has A01@H01 at 20:30 EST, and the calendar at 19:00 EST."
    )
    assert contradiction(EVENING, A01_H01=None) == (
        "The schedule is read again: bulletin of 2025-01-15 has A01@H01 called off, and the calendar has it played."
    )
    assert contradiction(EVENING, A01_H01=at("19:00"), A09_H09=at("20:00")) == (
        "The schedule is read again: bulletin of 2025-01-15 lists A09@H09, and the calendar does not."
    )
    assert contradiction(EVENING) == (
        "The schedule is read again: bulletin of 2025-01-15 does not list A01@H01, and the calendar does."
    )
    assert contradiction(game(1, None), A01_H01=at("20:30")) == (
        "The schedule is read again: bulletin of 2025-01-15 has a time for A01@H01, and the calendar has none."
    )


def test_game_off_in_scoreboard_and_calendar_is_no_contradiction() -> None:
    off = game(2, at("20:00"), postponed=True)
    assert contradiction(EVENING, off, A01_H01=at("19:00"), A02_H02=None) is None
    assert "lists A02@H02" in str(contradiction(EVENING, off, A01_H01=at("19:00"), A02_H02=at("20:00")))


def test_scoreboard_game_of_uncounted_type_is_no_contradiction() -> None:
    friendly = game(2, at("20:00"), game_type="preseason")
    assert contradiction(EVENING, friendly, A01_H01=at("19:00"), A02_H02=at("20:00")) is None


@pytest.mark.parametrize("known", [{}, {"home_team": "H02"}])
def test_unlisted_game_with_undecided_teams_is_no_contradiction(known: dict[str, str]) -> None:
    undecided = game(2, at("20:00"), **{"home_team": None, "away_team": None, **known})
    assert contradiction(EVENING, undecided, A01_H01=at("19:00")) is None


@pytest.mark.parametrize(("offset", "open_day"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_only_scoreboards_within_a_day_of_today_count(offset: int, open_day: bool) -> None:
    """The night's games belong to yesterday, and tomorrow's schedule exists already."""
    board = scoreboard(day=DAY + timedelta(days=offset), A09_H09=at("20:00"))
    found = refreshed(at("12:40"), calendar(fetched_at=at("12:00")), board)
    assert (found is not None) is open_day


@pytest.mark.parametrize(("read", "news"), [("11:59", False), ("12:00", False), ("12:01", True)])
def test_only_scoreboards_read_after_calendar_count(read: str, news: bool) -> None:
    board = scoreboard(read=at(read), A09_H09=at("20:00"))
    found = refreshed(at("12:40"), calendar(fetched_at=at("12:00")), board)
    assert (found is not None) is news


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_newest_scoreboard_counts(newest_first: bool) -> None:
    """A later scoreboard corrects a temporary error."""
    wrong = scoreboard(read=at("12:10"), A09_H09=at("20:00"))
    right = scoreboard(read=at("12:20"), A01_H01=at("19:00"))
    boards = (right, wrong) if newest_first else (wrong, right)
    assert refreshed(at("12:40"), calendar(EVENING, fetched_at=at("12:00")), *boards) is None


def test_contradiction_refreshes_beside_hourly_refresh_once_an_hour() -> None:
    """The hour's refresh may have preceded the scoreboard by minutes."""
    board, games = scoreboard(A09_H09=at("20:00")), calendar(EVENING, fetched_at=at("12:05"))
    hourly = refreshed(at("12:03"), calendar(EVENING, fetched_at=at("11:00")))
    first = refreshed(at("12:40"), games, board)
    assert hourly is not None
    assert first is not None
    plan = plan_of(FEEDS, "feeds")
    beside = refreshed(at("12:40"), games, board, plans={hourly.occurrence.id: plan})
    again = refreshed(at("12:45"), games, board, plans={first.occurrence.id: plan})
    assert beside is not None
    assert beside.code is Reason.CALENDAR_CONTRADICTED
    assert again is None


def test_refresh_requests_only_the_calendar_scraper() -> None:
    configuration = configured(feeds=workflow(daily("05:00", "05:15"), "slate", "bulletin"))
    found = refreshed(at("12:20"), None, configuration=configuration)
    assert found is not None
    assert found.outstanding is not None
    assert dict(found.outstanding.steps or {}) == {"slate": None}


def test_missing_calendar_is_refreshed_as_stale_not_contradicted() -> None:
    found = refreshed(at("12:40"), None, scoreboard(A09_H09=at("20:00")))
    assert found is not None
    assert found.code is Reason.CALENDAR_STALE

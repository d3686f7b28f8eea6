"""Tests of the calendar of games, as the schedule scraper landed it."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.support.controller import DAY, at, calendar, document, game, utc
from tipoff_planning.calendar import GameStatus, read_calendar

REGULAR = ("regular",)


def test_games_are_read_from_the_landed_document() -> None:
    games = [game(1, at("19:00")), game(2, at("19:30"))]
    read = read_calendar(document(games), at("05:00"))
    assert read.games_on(DAY, REGULAR) == tuple(games)


def test_a_tip_after_midnight_belongs_to_the_evening_before() -> None:
    """A game after midnight fell on the wrong day (incident 21): the league's day counts, not the clock's."""
    late = game(1, utc("2025-01-16T05:10:00"), game_date=DAY)
    assert calendar(late).games_on(DAY, REGULAR) == (late,)
    assert calendar(late).games_on(DAY + timedelta(days=1), REGULAR) == ()


def test_a_postponed_game_is_not_to_be_played() -> None:
    """A postponed game stayed expected (incident 20)."""
    assert calendar(game(1, at("19:00"), postponed=True)).games_on(DAY, REGULAR) == ()


def test_only_the_types_that_count_are_given() -> None:
    preseason, cup = game(1, at("19:00"), game_type="preseason"), game(2, at("20:00"), game_type="cup_final")
    assert calendar(preseason, cup).games_on(DAY, ("regular", "cup_final")) == (cup,)


def test_a_row_still_scheduled_at_night_is_a_game_like_any_other() -> None:
    """A stale calendar was relied on (incident 32): the status in an old file decides nothing."""
    stale = game(1, at("19:00"), status=GameStatus.SCHEDULED)
    assert calendar(stale, fetched_at=at("05:00")).games_on(DAY, REGULAR) == (stale,)


def test_teams_and_tips_may_be_undecided() -> None:
    undecided = game(1, None, home_team=None, away_team="ATL")
    assert undecided.teams == ("ATL",)
    assert calendar(undecided).games_on(DAY, REGULAR) == (undecided,)


def test_a_game_that_stands_twice_is_one_and_the_last_row_counts() -> None:
    first, corrected = game(1, at("19:00")), game(1, at("19:30"))
    assert calendar(first, corrected).games_on(DAY, REGULAR) == (corrected,)


def test_games_come_in_the_order_of_their_ids() -> None:
    one, two = game(1, at("21:00")), game(2, at("19:00"))
    assert calendar(two, one).games_on(DAY, REGULAR) == (one, two)


def test_each_question_about_a_day_has_its_own_answer() -> None:
    """The calendar caches its answers."""
    cup = game(1, at("19:00"), game_type="cup_final")
    games = calendar(cup)
    assert games.games_on(DAY, REGULAR) == ()
    assert games.games_on(DAY, ("regular", "cup_final")) == (cup,)
    assert games.games_on(DAY, REGULAR) == ()


def test_the_day_as_a_whole_has_games_that_are_not_played_too() -> None:
    off = game(1, at("19:00"), postponed=True)
    assert calendar(off).all_on(DAY) == (off,)
    assert calendar(off).all_on(DAY + timedelta(days=1)) == ()


def test_a_game_on_two_dates_is_the_one_that_is_played() -> None:
    off = game(1, at("19:00"), postponed=True)
    again = game(1, at("19:00", DAY + timedelta(days=30)))
    for order in ((off, again), (again, off)):
        assert calendar(*order).game(off.game_id) == again
    assert calendar(off).game(off.game_id) == off
    assert calendar(off).game("0022499999") is None


def test_games_are_named_by_their_teams_once_both_are_known() -> None:
    games = calendar(
        game(1, at("19:00")), game(2, at("20:00"), home_team=None), game(3, at("20:00"), away_team=None)
    )
    assert games.game_names == {"0022400001": "A01@H01"}


def test_age_counts_from_when_the_source_was_asked() -> None:
    assert calendar(fetched_at=at("05:00")).age(at("06:30")) == timedelta(minutes=90)


@pytest.mark.parametrize(
    "body",
    [
        document([game(1, at("19:00"))])[:-20],
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"games": []}',
        b'{"records": []}',
        b'{"records": [{"game_id": "1"}]}',
        document([game(1, at("19:00"))]).replace(b"+00:00", b"").replace(b"Z", b""),
    ],
)
def test_a_truncated_empty_or_foreign_document_is_no_calendar(body: bytes) -> None:
    with pytest.raises(ValidationError):
        read_calendar(body, at("05:00"))


def test_what_else_the_file_holds_is_no_concern_of_the_controllers() -> None:
    body = document([game(1, at("19:00"))]).replace(b'"home_team"', b'"arena": "x", "home_team"')
    assert len(read_calendar(body, at("05:00")).games_on(DAY, REGULAR)) == 1


def test_a_calendar_that_is_fetched_again_has_the_same_games_and_another_age() -> None:
    first = calendar(game(1, at("19:00")), fetched_at=at("05:00"))
    again = first.fetched_again(at("06:00"))
    assert again.games_on(DAY, REGULAR) == first.games_on(DAY, REGULAR)
    assert (first.age(at("07:00")), again.age(at("07:00"))) == (timedelta(hours=2), timedelta(hours=1))

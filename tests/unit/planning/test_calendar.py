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


def test_game_after_midnight_belongs_to_previous_day() -> None:
    """A game after midnight fell on the wrong day (incident 21): the league's day counts, not the clock's."""
    late = game(1, utc("2025-01-16T05:10:00"), game_date=DAY)
    assert calendar(late).games_on(DAY, REGULAR) == (late,)
    assert calendar(late).games_on(DAY + timedelta(days=1), REGULAR) == ()


def test_postponed_game_is_not_listed() -> None:
    """A postponed game stayed expected (incident 20)."""
    assert calendar(game(1, at("19:00"), postponed=True)).games_on(DAY, REGULAR) == ()


def test_only_requested_game_types_are_returned() -> None:
    preseason, cup = game(1, at("19:00"), game_type="preseason"), game(2, at("20:00"), game_type="cup_final")
    assert calendar(preseason, cup).games_on(DAY, ("regular", "cup_final")) == (cup,)


def test_stale_scheduled_status_does_not_exclude_game() -> None:
    """A stale calendar was relied on (incident 32): the status in an old file decides nothing."""
    stale = game(1, at("19:00"), status=GameStatus.SCHEDULED)
    assert calendar(stale, fetched_at=at("05:00")).games_on(DAY, REGULAR) == (stale,)


def test_teams_and_tips_may_be_undecided() -> None:
    undecided = game(1, None, home_team=None, away_team="ATL")
    assert undecided.teams == ("ATL",)
    assert calendar(undecided).games_on(DAY, REGULAR) == (undecided,)


def test_last_row_of_duplicated_game_wins() -> None:
    first, corrected = game(1, at("19:00")), game(1, at("19:30"))
    assert calendar(first, corrected).games_on(DAY, REGULAR) == (corrected,)


def test_games_come_in_the_order_of_their_ids() -> None:
    one, two = game(1, at("21:00")), game(2, at("19:00"))
    assert calendar(two, one).games_on(DAY, REGULAR) == (one, two)


def test_cached_games_depend_on_requested_game_types() -> None:
    """The calendar caches its answers."""
    cup = game(1, at("19:00"), game_type="cup_final")
    games = calendar(cup)
    assert games.games_on(DAY, REGULAR) == ()
    assert games.games_on(DAY, ("regular", "cup_final")) == (cup,)
    assert games.games_on(DAY, REGULAR) == ()


def test_all_games_of_a_day_include_postponed_games() -> None:
    off = game(1, at("19:00"), postponed=True)
    assert calendar(off).all_on(DAY) == (off,)
    assert calendar(off).all_on(DAY + timedelta(days=1)) == ()


def test_rescheduled_game_wins_over_its_postponed_entry() -> None:
    off = game(1, at("19:00"), postponed=True)
    again = game(1, at("19:00", DAY + timedelta(days=30)))
    for order in ((off, again), (again, off)):
        assert calendar(*order).game(off.game_id) == again
    assert calendar(off).game(off.game_id) == off
    assert calendar(off).game("0022499999") is None


def test_games_with_both_teams_decided_have_names() -> None:
    games = calendar(
        game(1, at("19:00")), game(2, at("20:00"), home_team=None), game(3, at("20:00"), away_team=None)
    )
    assert games.game_names == {"0022400001": "A01@H01"}


def test_calendar_age_counts_from_fetch_time() -> None:
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


def test_unknown_fields_of_games_are_ignored() -> None:
    body = document([game(1, at("19:00"))]).replace(b'"home_team"', b'"arena": "x", "home_team"')
    assert len(read_calendar(body, at("05:00")).games_on(DAY, REGULAR)) == 1


def test_refetched_calendar_has_same_games_and_new_age() -> None:
    first = calendar(game(1, at("19:00")), fetched_at=at("05:00"))
    again = first.fetched_again(at("06:00"))
    assert again.games_on(DAY, REGULAR) == first.games_on(DAY, REGULAR)
    assert (first.age(at("07:00")), again.age(at("07:00"))) == (timedelta(hours=2), timedelta(hours=1))

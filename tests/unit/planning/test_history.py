"""What is known of the past."""

from datetime import timedelta

from tests.support.controller import DAY, NO_DATA, SUCCESS, at, fact, failed, history
from tipoff_common.events import Source
from tipoff_common.outcomes import FailureKind
from tipoff_planning.history import merge, subject_of


def test_a_success_is_found_by_the_date_the_data_is_about() -> None:
    """2: a report fetched after midnight UTC is no success of the next day."""
    late = fact("bulletin", triggered_at=at("19:05"))  # 00:05 UTC of the day after
    known = history(late)
    assert known.found("bulletin", DAY, "-") == (at("19:05"), at("19:05"))
    assert known.found("bulletin", DAY + timedelta(days=1), "-") is None


def test_only_a_success_is_found() -> None:
    known = history(fact("bulletin", outcome=NO_DATA), fact("digest", outcome=failed()))
    assert known.found("bulletin", DAY, "-") is None
    assert known.found("digest", DAY, "-") is None


def test_somebodys_local_try_ends_no_search() -> None:
    assert history(fact("bulletin", source=Source.LOCAL)).found("bulletin", DAY, "-") is None


def test_a_run_by_hand_counts_as_any_other() -> None:
    assert history(fact("bulletin", source=Source.MANUAL)).found("bulletin", DAY, "-") is not None


def test_first_and_last_success_are_told() -> None:
    first, last = (fact("bulletin", request_id=clock, triggered_at=at(clock)) for clock in ("11:00", "13:00"))
    assert history(last, first).found("bulletin", DAY, "-") == (at("11:00"), at("13:00"))


def test_one_game_is_no_other_game() -> None:
    known = history(fact("box_score", "0022400001"))
    assert known.found("box_score", DAY, "0022400001") is not None
    assert known.found("box_score", DAY, "0022400002") is None


def test_where_sources_differ_success_speaks() -> None:
    dead = fact("bulletin", outcome=failed(FailureKind.TIMEOUT), request_id="r")
    back = fact("bulletin", outcome=SUCCESS, request_id="r")
    assert merge([dead], [back])["r"] == back
    assert merge([back], [dead])["r"] == back


def test_sources_are_joined_by_request() -> None:
    one, other = fact("bulletin", request_id="1"), fact("bulletin", request_id="2")
    assert merge([one], [other, one]) == {"1": one, "2": other}


def test_a_subject_is_what_tells_requests_of_one_scraper_apart() -> None:
    names = ("game_id", "market", "team")
    assert subject_of({"game_date": "2025-01-15"}, names) == "-"
    assert subject_of({"game_date": "2025-01-15", "game_id": "7"}, names) == "7"
    assert subject_of({"team": "ATL", "game_id": "7"}, names) == "7&ATL"

"""Tests of the history that decisions read."""

from datetime import timedelta

import pytest

from tests.support.controller import DAY, NO_DATA, SUCCESS, at, fact, failed, history
from tests.support.samples import executed
from tipoff_common.events import Source
from tipoff_common.outcomes import FailureKind
from tipoff_planning.history import (
    History,
    HostPause,
    ReportedCompleteness,
    completeness_in,
    completeness_of,
    merge,
    slate_of,
    subject_of,
)


def test_success_is_found_by_its_game_date() -> None:
    """Yesterday's report counted as today's (incident 2)."""
    late = fact("bulletin", triggered_at=at("19:05"))  # 00:05 UTC on the next day
    known = history(late)
    assert known.found("bulletin", DAY, "-") == (at("19:05"), at("19:05"))
    assert known.found("bulletin", DAY + timedelta(days=1), "-") is None


def test_only_a_success_is_found() -> None:
    known = history(fact("bulletin", outcome=NO_DATA), fact("digest", outcome=failed()))
    assert known.found("bulletin", DAY, "-") is None
    assert known.found("digest", DAY, "-") is None


def test_local_success_ends_no_search() -> None:
    assert history(fact("bulletin", source=Source.LOCAL)).found("bulletin", DAY, "-") is None


def test_manual_success_counts() -> None:
    assert history(fact("bulletin", source=Source.MANUAL)).found("bulletin", DAY, "-") is not None


def test_first_and_last_success_are_returned() -> None:
    first, last = (fact("bulletin", request_id=clock, triggered_at=at(clock)) for clock in ("11:00", "13:00"))
    assert history(last, first).found("bulletin", DAY, "-") == (at("11:00"), at("13:00"))


def test_success_counts_for_its_own_game_only() -> None:
    known = history(fact("box_score", "0022400001"))
    assert known.found("box_score", DAY, "0022400001") is not None
    assert known.found("box_score", DAY, "0022400002") is None


def test_success_wins_over_failure_of_same_request() -> None:
    dead = fact("bulletin", outcome=failed(FailureKind.TIMEOUT), request_id="r")
    back = fact("bulletin", outcome=SUCCESS, request_id="r")
    assert merge([dead], [back])["r"] == back
    assert merge([back], [dead])["r"] == back


def test_facts_are_merged_by_request() -> None:
    one, other = fact("bulletin", request_id="1"), fact("bulletin", request_id="2")
    assert merge([one], [other, one]) == {"1": one, "2": other}


def test_subject_consists_of_distinguishing_parameters() -> None:
    names = ("game_id", "market", "team")
    assert subject_of({"game_date": "2025-01-15"}, names) == "-"
    assert subject_of({"game_date": "2025-01-15", "game_id": "7"}, names) == "7"
    assert subject_of({"team": "ATL", "game_id": "7"}, names) == "7&ATL"


# Precedence of two executions of one request

FAILED = fact("bulletin", outcome=failed(), request_id="r")
EMPTY = fact("bulletin", outcome=NO_DATA, request_id="r")
FOUND = fact("bulletin", request_id="r")


@pytest.mark.parametrize(
    ("louder", "quieter"),
    [
        (FOUND, EMPTY),
        (EMPTY, FAILED),
        (FAILED, fact("bulletin", outcome=failed(), request_id="r", presumed=True, triggered_at=at("12:00"))),
        (fact("bulletin", request_id="r", triggered_at=at("12:00")), FOUND),
        # A local execution never takes precedence over production's own.
        (FOUND, fact("bulletin", request_id="r", source=Source.LOCAL, triggered_at=at("12:00"))),
    ],
)
def test_preferred_result_of_a_request_wins_in_any_order(louder: object, quieter: object) -> None:
    assert merge([louder], [quieter]) == merge([quieter], [louder]) == {"r": louder}  # type: ignore[list-item]


# Missing parts of a success


@pytest.mark.parametrize(
    ("listed", "missing", "lacks"),
    [
        (9, (), ()),
        (10, (), ()),
        (8, (), ("1 of 9 games, which it does not list",)),
        (8, ("NYK@PHI",), ("NYK@PHI", "1 of 9 games, which it does not list")),
        (None, (), ()),
        (None, ("NYK@PHI",), ("NYK@PHI",)),
        (0, (), ("9 of 9 games, which it does not list",)),
    ],
)
def test_missing_parts_are_stated_names_and_unlisted_games(
    listed: int | None, missing: tuple[str, ...], lacks: tuple[str, ...]
) -> None:
    assert ReportedCompleteness(listed, missing).lacks(9) == lacks


def test_missing_parts_come_from_newest_success() -> None:
    first, last = (
        fact(
            "bulletin",
            request_id=name,
            triggered_at=at(clock),
            completeness=ReportedCompleteness(missing=(name,)),
        )
        for name, clock in (("b", "11:00"), ("a", "12:00"))
    )
    for facts in ((first, last), (last, first)):
        assert history(*facts).lacking("bulletin", DAY, "-", 0) == ("a",)
    assert history(first).lacking("bulletin", DAY, "other", 0) == ()
    assert history(fact("bulletin")).lacking("bulletin", DAY, "-", 9) == ()


def test_successes_at_same_instant_have_stable_precedence() -> None:
    one, two = (
        fact("bulletin", request_id=name, completeness=ReportedCompleteness(missing=(name,))) for name in "ab"
    )
    assert history(one, two).lacking("bulletin", DAY, "-", 0) == ("b",)
    assert history(two, one).lacking("bulletin", DAY, "-", 0) == ("b",)


def test_only_success_without_missing_parts_is_complete() -> None:
    short = fact("bulletin", request_id="1", completeness=ReportedCompleteness(8))
    whole = fact("bulletin", request_id="2", completeness=ReportedCompleteness(9), triggered_at=at("12:00"))
    known = history(short, whole)
    assert known.found("bulletin", DAY, "-", complete_for=9) == (at("12:00"), at("12:00"))
    assert known.found("bulletin", DAY, "-") == (at("11:01"), at("12:00"))
    assert history(short).found("bulletin", DAY, "-", complete_for=9) is None


@pytest.mark.parametrize(
    ("recorded", "read"),
    [
        (None, None),
        ("nine of them", None),
        ({}, ReportedCompleteness()),
        ({"expected": "nine", "missing": "NYK@PHI"}, ReportedCompleteness()),
        ({"expected": 9, "missing": ["NYK@PHI", 7]}, ReportedCompleteness(9, ("NYK@PHI", "7"))),
        ({"missing": ["x" * 41]}, ReportedCompleteness(None, ("x" * 40,))),
        ({"missing": list("abcdefgh")}, ReportedCompleteness(None, tuple("abcdefgh"))),
        ({"missing": list("abcdefghij")}, ReportedCompleteness(None, (*"abcdefgh", "2 more"))),
    ],
)
def test_malformed_completeness_is_tolerated_and_limited(
    recorded: object, read: ReportedCompleteness | None
) -> None:
    assert completeness_in(recorded) == read


def test_completeness_is_read_from_data_summary() -> None:
    assert completeness_of(executed(data_summary={"completeness": {"expected": 9}})) == ReportedCompleteness(
        9
    )
    assert completeness_of(executed(data_summary={})) is None


# Scoreboards

TIP = at("19:00").isoformat()


@pytest.mark.parametrize(
    ("recorded", "read"),
    [
        ({}, {}),
        ({"A@B": TIP, "C@D": "off"}, {"A@B": at("19:00"), "C@D": None}),
        ({"A@B": TIP, "C@D": "soon"}, None),
        ({"A@B": 7}, None),
        ({"A" * 20: TIP}, {"A" * 20: at("19:00")}),
        ({"A" * 21: TIP}, None),
        ([TIP], None),
        (None, None),
    ],
)
def test_a_scoreboard_is_read_whole_or_not_at_all(recorded: object, read: object) -> None:
    """The rest of a partly read scoreboard would look like cancelled games."""
    assert slate_of(executed(data_summary={"slate": recorded})) == read


def test_scoreboard_is_limited_to_thirty_games() -> None:
    result = {f"A{number:02}@B": TIP for number in range(31)}
    assert list(slate_of(executed(data_summary={"slate": result})) or ()) == list(result)[:30]


def test_local_scoreboards_are_ignored() -> None:
    boards = [
        fact("bulletin", request_id=source.value, source=source, slate={})
        for source in (Source.CONTROLLER, Source.MANUAL, Source.LOCAL)
    ]
    assert [item.source for item in history(*boards, FOUND).slates] == [Source.CONTROLLER, Source.MANUAL]


# Sources that asked for a pause


def retry_after(clock: str, host: str | None = None, scraper: str = "bulletin") -> HostPause:
    return HostPause(scraper=scraper, host=host, until=at(clock))


def test_pause_in_execution_counts_for_its_host() -> None:
    known = fact("bulletin", outcome=failed(), not_before=at("12:00"), paused_host="a.example")
    assert history(known).paused_until("digest", ["a.example"]) == at("12:00")


def test_history_keeps_request_times() -> None:
    assert History({}, {"r": at("11:00")}).requested == {"r": at("11:00")}
    assert History().requested == {}


def test_longest_pause_of_a_source_wins() -> None:
    pauses = [retry_after(clock, "a.example") for clock in ("11:00", "13:00", "12:00")]
    assert History(pauses=pauses).paused_until("bulletin", ["a.example"]) == at("13:00")
    assert History().paused_until("bulletin") is None


def test_host_pause_applies_to_all_scrapers_of_the_host() -> None:
    known = History(pauses=[retry_after("12:00", "a.example"), retry_after("11:00", "b.example")])
    assert known.paused_until("digest", ["b.example", "a.example"]) == at("12:00")
    assert known.paused_until("digest", ["b.example"]) == at("11:00")
    assert known.paused_until("digest", ["c.example"]) is None
    assert known.paused_until("digest") is None


def test_scraper_does_not_wait_for_paused_host_outside_its_hosts() -> None:
    known = History(pauses=[retry_after("12:00", "mirror.example")])
    assert known.paused_until("bulletin", ["a.example"]) is None
    assert known.paused_until("bulletin") == at("12:00")


def test_pause_without_host_applies_to_its_scraper_only() -> None:
    known = History(pauses=[retry_after("12:00")])
    assert known.paused_until("bulletin", ["a.example"]) == at("12:00")
    assert known.paused_until("digest", ["a.example"]) is None

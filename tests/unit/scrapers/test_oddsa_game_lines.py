from typing import Any

import pytest
from odds_payloads import EVENT_ID, QUOTA, bookmaker, error, event, game_lines, history, market, outcome
from served import BLOCK_PAGE, REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

NAME = "oddsa_game_lines"
NIGHT = [
    event(1, "Los Angeles Clippers", "Brooklyn Nets", "2025-01-16T03:40:00Z", bookmakers=[]),
    event(bookmakers=game_lines()),
    event(
        3,
        "Boston Celtics",
        "Utah Jazz",
        "2025-01-17T00:10:00Z",
        bookmakers=game_lines("Boston Celtics", "Utah Jazz"),
    ),
]


def test_single_call_reads_day_and_lists_games_without_lines() -> None:
    source = served(NIGHT, headers=QUOTA)
    executed = run(NAME, source)

    assert count(executed) == 6
    assert executed.data_summary["events_on_game_date"] == 2
    assert executed.data_summary["events_without_lines"] == ["BKN@LAC"]
    assert executed.data_summary["lines_by_market"] == {"h2h": 2, "spreads": 2, "totals": 2}
    assert executed.data_summary["quota"] == {"used": 100, "remaining": 400, "last": 4, "warning": False}
    assert source.asked[0].url.path == "/v4/sports/basketball_nba/odds"
    assert source.asked[0].url.params["markets"] == "h2h,spreads,totals"


def test_single_event_can_be_requested() -> None:
    source = served(NIGHT[1])
    executed = run(NAME, source, event_id=EVENT_ID, markets="h2h")

    assert count(executed) == 6
    assert source.asked[0].url.path == f"/v4/sports/basketball_nba/events/{EVENT_ID}/odds"
    assert source.asked[0].url.params["markets"] == "h2h"


def test_the_wrapper_of_history_may_hold_a_list_or_an_event() -> None:
    assert records(NAME, history(NIGHT)) == records(NAME, history(NIGHT[1])) == records(NAME, NIGHT)


def test_sides_are_assigned_by_team() -> None:
    lines = records(NAME, NIGHT)

    assert [(line["market"], line["side"], line["point"], line["price"]) for line in lines] == [
        ("h2h", "away", None, 1.7),
        ("h2h", "home", None, 2.2),
        ("spreads", "away", -2.5, 1.91),
        ("spreads", "home", 2.5, 1.91),
        ("totals", "over", 219.5, 1.95),
        ("totals", "under", 219.5, 1.87),
    ]
    spreads = [line["point"] for line in lines if line["market"] == "spreads"]
    assert sum(spreads) == 0


def test_update_time_of_bookmaker_is_used_without_market_time() -> None:
    book = game_lines()[0]
    older = {
        **book,
        "last_update": "2022-11-23T01:05:10Z",
        "markets": [{"key": one["key"], "outcomes": one["outcomes"]} for one in book["markets"]],
    }

    assert {line["last_update"] for line in records(NAME, [event(bookmakers=[older])])} == {
        "2022-11-23T01:05:10Z"
    }


def test_list_without_events_is_no_data() -> None:
    assert reason(run(NAME, served([]))) == "the source lists 0 events, none on 2025-01-15"


def test_events_without_bookmakers_are_no_data() -> None:
    assert reason(run(NAME, served([event(bookmakers=[])]))) == (
        "no bookmaker offers h2h,spreads,totals in the 1 events of 2025-01-15 yet"
    )


def test_ended_event_is_no_data() -> None:
    executed = run(NAME, served(error("EVENT_NOT_FOUND"), status=404), event_id=EVENT_ID)

    assert "the API removes an event once its game has begun" in reason(executed)


def test_blocked_and_quota() -> None:
    assert "MISSING_KEY" in failure(run(NAME, served(error("MISSING_KEY"), status=401)), "blocked")
    assert "a web page instead of" in failure(run(NAME, served(BLOCK_PAGE)), "blocked")
    assert "OUT_OF" in failure(run(NAME, served(error("OUT_OF_USAGE_CREDITS"), status=401)), "quota")


def test_all_star_game_does_not_affect_lines_of_other_games() -> None:
    stars = {"home": "Team LeBron", "away": "Team Giannis"}
    night = [event(1, bookmakers=game_lines()), event(2, **stars, bookmakers=game_lines(**stars))]
    executed = run(NAME, served(night))

    assert count(executed) == 6
    assert executed.data_summary["exhibitions"] == ["Team Giannis@Team LeBron"]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([event()], "has no key 'bookmakers'"),
        (
            [event(bookmakers=[bookmaker("b", market("h2h", [outcome("Draw", 9.0)]))])],
            "unknown team 'Draw'",
        ),
        (
            [event(bookmakers=[bookmaker("b", market("h2h", [outcome("Utah Jazz", 9.0)]))])],
            "outcomes[0].name is 'Utah Jazz', which is not a team of NYK@PHI",
        ),
        ([event(bookmakers=[{"key": "b"}])], "has no key 'markets'"),
        ({"message": "hello"}, "has no key"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(run(NAME, served(document)), "source_changed")


def test_different_event_or_day_is_a_changed_source() -> None:
    other = event(1, bookmakers=game_lines())
    late = event(commence="2025-01-18T00:10:00Z", bookmakers=game_lines())

    assert f"about {1:032x}" in failure(run(NAME, served(other), event_id=EVENT_ID), "source_changed")
    assert "about a list of 3" in failure(run(NAME, served(NIGHT), event_id=EVENT_ID), "source_changed")
    assert "about 2025-01-17" in failure(run(NAME, served(late), event_id=EVENT_ID), "source_changed")


def test_truncated() -> None:
    assert "it begins" in failure(run(NAME, served(b'[{"id": "0123')), "decode")


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(REGISTRY[NAME].module, history(NIGHT))


COVERS = {
    "oddsa_game_lines": {
        "normal": test_single_call_reads_day_and_lists_games_without_lines,
        "empty": test_list_without_events_is_no_data,
        "not_published": test_events_without_bookmakers_are_no_data,
        "blocked": test_blocked_and_quota,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}

from random import Random
from typing import Any

import pytest
from odds_payloads import EVENT_ID, QUOTA, bookmaker, error, event, history, market, outcome, over_under
from served import BLOCK_PAGE, REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

from tipoff_scraper_runner.manual import UnusableParameters

NAME = "oddsa_player_props"
EIGHT = [side for step in range(4) for side in over_under("Milo Sample", 20.5 + step)]
PROPS = event(
    bookmakers=[
        bookmaker("secondbook", market("player_points", EIGHT)),
        bookmaker(
            "firstbook",
            market("player_points", over_under("Ivo D'Example Jr.", 11.5, 1.83, 1.95)),
            market("player_double_double", [outcome("Yes", 3.4, description="Milo Sample")]),
        ),
    ]
)


def execute_on(document: Any, status: int = 200, **parameters: str) -> Any:
    return run(NAME, served(document, status=status, headers=QUOTA), event_id=EVENT_ID, **parameters)


def test_every_line_of_every_bookmaker_is_a_record_of_its_own() -> None:
    source = served(PROPS, headers=QUOTA)
    executed = run(NAME, source, event_id=EVENT_ID, markets="player_points,player_assists")

    assert count(executed) == 8 + 2 + 1
    assert executed.data_summary["lines_by_market"] == {"player_double_double": 1, "player_points": 10}
    assert executed.data_summary["markets_without_lines"] == ["player_assists"]
    assert executed.data_summary["bookmakers"] == ["firstbook", "secondbook"]
    assert (executed.data_summary["players"], executed.data_summary["matchup"]) == (2, "NYK@PHI")
    assert executed.data_summary["quota"] == {"used": 100, "remaining": 400, "last": 4, "warning": False}
    assert source.asked[0].url.path == f"/v4/sports/basketball_nba/events/{EVENT_ID}/odds"
    assert source.asked[0].url.params["markets"] == "player_points,player_assists"


def test_record_names_player_side_point_and_bookmaker() -> None:
    found = records(NAME, PROPS, event_id=EVENT_ID)

    assert found[1] == {
        "event_id": EVENT_ID,
        "commence_time": "2025-01-16T00:10:00Z",
        "game_date": "2025-01-15",
        "home_team": "PHI",
        "away_team": "NYK",
        "bookmaker": "firstbook",
        "market": "player_points",
        "last_update": "2025-01-15T16:55:00Z",
        "player": "Ivo D'Example Jr.",
        "side": "Over",
        "point": 11.5,
        "price": 1.83,
    }
    assert (found[0]["side"], found[0]["point"]) == ("Yes", None)
    assert all(row["price"] > 1 for row in found)
    lines = [(row["point"], row["side"]) for row in found if row["player"] == "Milo Sample" and row["point"]]
    assert lines == [(20.5 + step, side) for step in range(4) for side in ("Over", "Under")]


def test_payload_order_is_irrelevant_and_repeated_line_counts_once() -> None:
    order = Random(3)  # noqa: S311  # no secret depends on it
    books = [dict(book, markets=list(book["markets"])) for book in PROPS["bookmakers"]]
    for book in books:
        book["markets"] = [
            dict(one, outcomes=order.sample(one["outcomes"], len(one["outcomes"]))) for one in book["markets"]
        ]
    shuffled = {**PROPS, "bookmakers": [*reversed(books), books[0]]}

    assert records(NAME, shuffled, event_id=EVENT_ID) == records(NAME, PROPS, event_id=EVENT_ID)


def test_history_is_unwrapped() -> None:
    source = served(history(PROPS))
    executed = run(NAME, source, event_id=EVENT_ID, as_of="2025-01-15T17:00:00Z")

    assert count(executed) == 11
    assert source.asked[0].url.path == f"/v4/historical/sports/basketball_nba/events/{EVENT_ID}/odds"


@pytest.mark.parametrize(
    "books", [[], [bookmaker("firstbook")], [bookmaker("firstbook", market("player_points", []))]]
)
def test_event_without_lines_is_no_data(books: list[Any]) -> None:
    assert reason(execute_on(event(bookmakers=books), markets="player_points")) == (
        "no bookmaker offers player_points in this event yet"
    )


def test_ended_event_is_no_data() -> None:
    executed = execute_on(error("EVENT_NOT_FOUND", "Event not found"), status=404)

    assert "404 EVENT_NOT_FOUND: Event not found; the API removes an event once its game has begun" in reason(
        executed
    )
    assert executed.data_summary["quota"]["used"] == 100


def test_incident_5_any_other_404_is_a_changed_source() -> None:
    assert "404 without a code" in failure(execute_on(b"<html>nginx</html>", status=404), "source_changed")


def test_blocked() -> None:
    assert "INVALID_KEY" in failure(execute_on(error("INVALID_KEY"), status=401), "blocked")
    assert "a web page instead of" in failure(execute_on(BLOCK_PAGE), "blocked")


def test_quota() -> None:
    assert "OUT_OF_USAGE_CREDITS" in failure(execute_on(error("OUT_OF_USAGE_CREDITS"), status=401), "quota")


def without(key: str) -> Any:
    one = outcome("Over", 1.9, 20.5, "Milo Sample")
    del one[key]
    return event(bookmakers=[bookmaker("firstbook", market("player_points", [one]))])


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (event(), "has no key 'bookmakers'"),
        (event(1, bookmakers=[]), f"requested event {EVENT_ID}, but the document is about {1:032x}"),
        ([PROPS], "a list of 1 events, not the requested event"),
        (event(commence="2025-01-18T00:10:00Z", bookmakers=[]), "the document is about 2025-01-17"),
        (without("description"), r"markets[0].outcomes[0] has no key 'description'"),
        (without("price"), "has no key 'price'"),
        (without("name"), "has no key 'name'"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(execute_on(document), "source_changed")


def test_truncated() -> None:
    assert "it begins" in failure(execute_on(b'{"id": "0123', status=200), "decode")


@pytest.mark.parametrize(
    "parameters",
    [
        {"event_id": "../../sports"},
        {"event_id": EVENT_ID.upper()},
        {"event_id": f"{EVENT_ID}/x"},
        {"event_id": f"{EVENT_ID}\n"},
        {"event_id": EVENT_ID, "markets": "h2h"},
        {"event_id": EVENT_ID, "markets": "player_points&apiKey=x"},
        {},
    ],
)
def test_parameters_cannot_change_url_path(parameters: dict[str, str]) -> None:
    source = served(PROPS)
    with pytest.raises(UnusableParameters):
        run(NAME, source, **parameters)

    assert source.asked == []


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(REGISTRY[NAME].module, history(PROPS), event_id=EVENT_ID)


COVERS = {
    "oddsa_player_props": {
        "normal": test_every_line_of_every_bookmaker_is_a_record_of_its_own,
        "empty": test_event_without_lines_is_no_data,
        "not_published": test_ended_event_is_no_data,
        "blocked": test_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}

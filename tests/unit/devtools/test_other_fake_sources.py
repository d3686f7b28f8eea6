"""Tests of the fakes of The Odds API, ESPN and BALLDONTLIE: keys, quotas, ends of events, pages."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.scenario import SCENARIO
from tipoff_dev.fakes.sources.app import EVENT_TIME_HEADER, create_app
from tipoff_dev.fakes.sources.odds import event_id
from tipoff_dev.fakes.sources.testing import in_process_client

NOON = "2025-01-15T12:00:00-05:00"
ODDS = "/api.the-odds-api.com/v4/sports/basketball_nba"
HISTORY = "/api.the-odds-api.com/v4/historical/sports/basketball_nba"
ESPN = "/site.api.espn.com/apis/site/v2/sports/basketball/nba"
INJURIES = "/api.balldontlie.io/v1/player_injuries"
GAME = next(game for day, game in SCENARIO.all_games() if str(day) == "2025-01-15" and game.home == "PHI")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with in_process_client(create_app(SCENARIO, lambda: datetime(2025, 1, 15, tzinfo=UTC))) as found:
        yield found


def ask(client: httpx.Client, path: str, at: str = NOON, **query: str) -> httpx.Response:
    headers = {EVENT_TIME_HEADER: at, "Authorization": "a-key"}
    return client.get(path, params={"apiKey": "a-key", **query}, headers=headers)


def ids(answer: httpx.Response) -> list[str]:
    return [event["id"] for event in answer.json()]


def test_paid_sources_refuse_requests_without_a_key(client: httpx.Client) -> None:
    answer = client.get(f"{ODDS}/events")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "MISSING_KEY")
    assert client.get(INJURIES).status_code == 401


def test_an_event_is_on_offer_from_three_days_before_its_tip_to_its_end(client: httpx.Client) -> None:
    event = event_id(GAME)
    for instant, offered in (
        ("2025-01-12T18:00:00-05:00", False),
        ("2025-01-13T12:00:00-05:00", True),
        ("2025-01-15T20:00:00-05:00", True),
        ("2025-01-16T12:00:00-05:00", False),
    ):
        assert (event in ids(ask(client, f"{ODDS}/events", instant))) is offered, instant
    ended = ask(client, f"{ODDS}/events/{event}/odds", "2025-01-16T12:00:00-05:00")
    assert (ended.status_code, ended.json()["error_code"]) == (404, "EVENT_NOT_FOUND")


def test_each_market_costs_a_credit_and_the_event_list_is_free(client: httpx.Client) -> None:
    assert ask(client, f"{ODDS}/events").headers["x-requests-last"] == "0"
    priced = ask(client, f"{ODDS}/odds", markets="h2h,spreads,totals")
    assert priced.headers["x-requests-last"] == "3"
    books = priced.json()[0]["bookmakers"]
    assert [market["key"] for market in books[0]["markets"]] == ["h2h", "spreads", "totals"]


def test_historical_response_is_wrapped_with_its_timestamp(client: httpx.Client) -> None:
    answer: dict[str, Any] = ask(client, f"{HISTORY}/events", date="2025-01-15T17:03:20Z").json()
    assert answer["timestamp"] == "2025-01-15T17:00:00Z"
    assert event_id(GAME) in [event["id"] for event in answer["data"]]


def test_an_unknown_path_is_not_served(client: httpx.Client) -> None:
    for path in (
        f"{ODDS}/scores",
        f"{ODDS}/odds/{event_id(GAME)}/odds",
        f"{ESPN}/teams/31",
        "/elsewhere.example/x",
    ):
        assert ask(client, path).status_code == 501, path


def test_espn_has_its_own_codes_and_a_roster_for_every_team(client: httpx.Client) -> None:
    codes = [ask(client, f"{ESPN}/teams/{number}", enable="roster").json()["team"] for number in range(1, 31)]
    assert {"GS", "NO", "NY", "SA", "UTAH", "WSH"} <= {team["abbreviation"] for team in codes}
    assert len({team["abbreviation"] for team in codes}) == 30
    assert all(len(team["athletes"]) == 13 for team in codes)


def test_espn_scoreboard_follows_the_games(client: httpx.Client) -> None:
    for instant, states in ((NOON, {"pre"}), ("2025-01-16T06:00:00-05:00", {"post"})):
        events = ask(client, f"{ESPN}/scoreboard", instant, dates="20250115").json()["events"]
        assert {event["status"]["type"]["state"] for event in events} == states


def test_injuries_come_in_pages(client: httpx.Client) -> None:
    first = ask(client, INJURIES, per_page="25").json()
    rest = ask(client, INJURIES, per_page="25", cursor=str(first["meta"]["next_cursor"])).json()
    assert len(first["data"]) == 25
    assert rest["data"]
    whole = ask(client, INJURIES, per_page="1000").json()
    assert "next_cursor" not in whole["meta"]
    assert whole["data"][:25] == first["data"]

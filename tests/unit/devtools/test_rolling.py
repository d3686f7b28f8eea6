"""Tests of the scenario around today: a date's content depends on the date alone, and the whole fleet reads it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scenario import SCENARIO
from tipoff_dev.fakes.sources.app import EVENT_TIME_HEADER, SCHEDULE, create_app
from tipoff_dev.fakes.sources.rolling import AFTER, BEFORE, rolled, template_of
from tipoff_dev.fakes.sources.testing import in_process_client

REFERER = {"Referer": "https://www.nba.com/"}
dates = st.dates(date(2024, 2, 28), date(2040, 1, 1))


@given(dates)
def test_template_day_keeps_the_weekday_and_repeats_every_four_weeks(day: date) -> None:
    assert template_of(day).weekday() == day.weekday()
    assert template_of(day) == template_of(day + timedelta(days=28))
    assert (
        day == template_of(day) or template_of(day) in SCENARIO.games or template_of(day) == date(2025, 1, 17)
    )


@given(dates, st.integers(0, 30))
def test_yesterdays_calendar_agrees_with_todays(today: date, later: int) -> None:
    """A stack that keeps its history over a restart must not find its games moved."""
    one, other = rolled(SCENARIO, today), rolled(SCENARIO, today + timedelta(days=later))
    if one.season_year != other.season_year:
        return  # in July the next season's schedule replaces the last
    for day in set(one.games) & set(other.games):
        assert one.games[day] == other.games[day]


@given(dates)
def test_no_two_games_share_an_id_and_all_are_of_the_season(today: date) -> None:
    scenario = rolled(SCENARIO, today)
    ids = [game.id for _, game in scenario.all_games()]
    assert len(ids) == len(set(ids))
    assert {game_id[3:5] for game_id in ids} == {scenario.season_year[2:4]}
    assert {len(game_id) for game_id in ids} == {10}
    assert (min(scenario.games), max(scenario.games)) == (
        today - timedelta(days=BEFORE),
        today + timedelta(days=AFTER),
    )


@pytest.mark.parametrize(
    ("today", "season"), [("2026-11-29", "2026-27"), ("2027-06-30", "2026-27"), ("2027-07-01", "2027-28")]
)
def test_the_schedule_is_of_todays_season(today: str, season: str) -> None:
    now = datetime.fromisoformat(f"{today}T16:00:00+00:00")
    with in_process_client(create_app(SCENARIO, lambda: now, around_today=True)) as client:
        schedule = client.get(f"/{SCHEDULE}", headers=REFERER).json()["leagueSchedule"]
    assert schedule["seasonYear"] == season
    days = {datetime.strptime(one["gameDate"], "%m/%d/%Y %H:%M:%S").date() for one in schedule["gameDates"]}  # noqa: DTZ007
    assert now.date() in days or template_of(now.date()) not in SCENARIO.games


def test_document_of_a_scenario_day_is_served_unchanged() -> None:
    """The README's commands use 15 January 2025, also with a stack around today."""
    now = datetime(2026, 11, 29, 16, tzinfo=UTC)
    with in_process_client(create_app(SCENARIO, lambda: now, around_today=True)) as client:
        path = "stats.nba.com/stats/scoreboardv3"
        then = client.get(f"/{path}", params={"GameDate": "2025-01-15"}, headers=REFERER).json()
        replayed = client.get(
            f"/{path}",
            params={"GameDate": "2025-01-15"},
            headers={**REFERER, EVENT_TIME_HEADER: "2025-01-16T12:00:00+00:00"},
        ).json()
        box = client.get(
            "/cdn.nba.com/static/json/liveData/boxscore/boxscore_0022400562.json", headers=REFERER
        )
    assert len(then["scoreboard"]["games"]) == 11
    assert replayed["scoreboard"]["games"] == then["scoreboard"]["games"]
    assert box.status_code == 200

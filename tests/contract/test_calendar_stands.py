"""The controller's calendar after the source published a wrong schedule: it is unchanged.

The runner lands the schedule and the controller reads the newest landed one; both are the real ones, over one bucket.
"""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.scenario import SCENARIO
from tipoff_common.clock import EASTERN
from tipoff_common.events import ScrapeExecuted, Source
from tipoff_common.outcomes import Failed, FailureKind, Success
from tipoff_common.testing import MemoryObjects
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_planning.calendar import Calendar
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_scraper_runner.cli import SCRAPERS_DIR
from tipoff_scraper_runner.execution import execute
from tipoff_scraper_runner.http import HttpxHttp
from tipoff_scraper_runner.manual import manual_request
from tipoff_scraper_runner.rate_limit import Pacer
from tipoff_scraper_runner.registry import load_registry

SCHEDULE = load_registry(SCRAPERS_DIR)["nbac_schedule"]
MORNING = datetime(2025, 1, 15, 5, 5, tzinfo=EASTERN)
TYPES = ("regular",)

Edit = Callable[[Any], None]


def fetched(data: MemoryObjects, now: datetime, edit: Edit, as_of: datetime | None = None) -> ScrapeExecuted:
    """Run the scraper at `now` on the schedule that the source publishes as of an instant."""
    document = json.loads(write_schedule(SCENARIO, as_of or now))
    edit(document["leagueSchedule"])
    day = {"game_date": now.astimezone(EASTERN).date().isoformat()}
    request = manual_request(SCHEDULE, day, source=Source.CONTROLLER, triggered_by="test", now=now)
    return execute(
        request,
        SCHEDULE,
        environment="local",
        now=now,
        open_http=lambda spec, at, _replaying: HttpxHttp(
            spec,
            at,
            Pacer(sleep=lambda _: None),
            environ={},
            transport=httpx.MockTransport(lambda _: httpx.Response(200, json=document)),
        ),
        data=data,
    ).executed


def calendar(data: MemoryObjects) -> Calendar:
    found = LandedCalendar(data, SCHEDULE.spec.output_root).current(MORNING)
    assert found is not None
    return found


def games(found: Calendar) -> int:
    return sum(len(found.games_on(day, TYPES)) for day in SCENARIO.games)


def as_it_is(_schedule: Any) -> None:
    pass


def last_season(schedule: Any) -> None:
    schedule["seasonYear"] = "2023-24"


def shrunken(schedule: Any) -> None:
    schedule["gameDates"] = schedule["gameDates"][::10]


def of_odd_games(schedule: Any) -> None:
    for day in schedule["gameDates"]:
        for game in day["games"][:-1]:
            game["gameStatus"] = "soon"


NEXT_MORNING, TWO_DAYS_ON = MORNING + timedelta(days=1), MORNING + timedelta(days=2)


@pytest.mark.parametrize(
    ("now", "edit", "as_of", "complaint"),
    [
        (NEXT_MORNING, last_season, None, "is of season 2023-24"),
        (NEXT_MORNING, shrunken, None, "of the previous edition are missing"),
        (NEXT_MORNING, of_odd_games, None, "games are unusable; the first: "),
        (TWO_DAYS_ON, as_it_is, MORNING, "the schedule is frozen"),
    ],
    ids=["last season", "shrunken", "odd", "frozen"],
)
def test_wrong_schedule_leaves_calendar_unchanged(
    now: datetime, edit: Edit, as_of: datetime | None, complaint: str
) -> None:
    """The payload is kept for an investigation, and no game disappears from the calendar."""
    data = MemoryObjects("data")
    assert isinstance(fetched(data, MORNING, as_it_is).outcome, Success)
    before = calendar(data)

    outcome = fetched(data, now, edit, as_of).outcome

    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.SOURCE_CHANGED
    assert complaint in outcome.message
    after = calendar(data)
    assert (games(after), after.fetched_at) == (games(before), before.fetched_at)
    assert sum(name.startswith("raw/") for name in data.bodies) == 2


def test_games_without_teams_are_in_the_calendar() -> None:
    """The NBA's real schedule of 2026-27 has six of them, with every name null."""

    def undecide(schedule: Any) -> None:
        game = schedule["gameDates"][-1]["games"][0]
        nobody = dict.fromkeys(("teamName", "teamCity", "teamTricode", "teamSlug"))
        game.update(gameStatusText="TBD", gameTimeEst="0001-01-01T00:00:00Z", gameStatus=1)
        for side in ("homeTeam", "awayTeam"):
            game[side].update(nobody, teamId=0)
        game["gameId"] = "0022401201"

    data = MemoryObjects("data")
    executed = fetched(data, MORNING, undecide)

    assert isinstance(executed.outcome, Success)
    assert "set_aside" not in executed.data_summary
    assert executed.data_summary["undecided"] == 1
    (game,) = [
        game
        for game in calendar(data).games_on(
            max(day for day, listed in SCENARIO.games.items() if listed), TYPES
        )
        if game.game_id == "0022401201"
    ]
    assert (game.tipoff, game.teams) == (None, ())


def test_empty_scoreboard_contradicts_requesting_calendar() -> None:
    day = date(2025, 1, 15)
    scoreboard = load_registry(SCRAPERS_DIR)["nbac_scoreboard"]
    empty = {"scoreboard": {"gameDate": day.isoformat(), "games": []}}
    executed = execute(
        manual_request(
            scoreboard,
            {"game_date": day.isoformat()},
            source=Source.CONTROLLER,
            triggered_by="test",
            now=MORNING,
        ),
        scoreboard,
        environment="local",
        now=MORNING,
        open_http=lambda spec, at, _replaying: HttpxHttp(
            spec,
            at,
            Pacer(sleep=lambda _: None),
            environ={},
            transport=httpx.MockTransport(lambda _: httpx.Response(200, json=empty)),
        ),
        data=MemoryObjects("data"),
    ).executed

    assert executed.data_summary["contradictions"] == {
        "count": 1,
        "examples": ["the document lists no games on 2025-01-15, but the calendar has games on that day"],
    }

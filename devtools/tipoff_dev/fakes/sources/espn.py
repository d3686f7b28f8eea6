"""Documents of ESPN's open API: the scoreboard of a day, and a team with its roster."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from pydantic import JsonValue

from tipoff_dev.fakes.sources.document import Document, json_document
from tipoff_dev.fakes.sources.game_story import GameStory, Player, roster, tell
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.schedule_json import FINAL, SCHEDULED, game_status, periods_shown, status_text
from tipoff_dev.fakes.sources.teams import TEAMS, FakeTeam

_ROOT = "site.api.espn.com/apis/site/v2/sports/basketball/nba"
_TEAM = re.compile(rf"{re.escape(_ROOT)}/teams/(\d+)")
_CODES = {"GSW": "GS", "NOP": "NO", "NYK": "NY", "SAS": "SA", "UTA": "UTAH", "WAS": "WSH"}
_TEAMS_BY_NUMBER = (
    *("ATL", "BOS", "NOP", "CHI", "CLE", "DAL", "DEN", "DET", "GSW", "HOU"),
    *("IND", "LAC", "LAL", "MIA", "MIL", "MIN", "BKN", "NYK", "ORL", "PHI"),
    *("PHX", "POR", "SAC", "SAS", "OKC", "UTA", "WAS", "TOR", "MEM", "CHA"),
)
"""Tricodes in the order of ESPN's numbers, from 1."""
_STATES = {SCHEDULED: ("STATUS_SCHEDULED", "pre"), FINAL: ("STATUS_FINAL", "post")}


def espn_document(scenario: Scenario, path: str, query: Mapping[str, str], now: datetime) -> Document | None:
    """Return the answer to `path`, "HOST/PATH", at `now` (aware); None when there is no such document."""
    if path == f"{_ROOT}/scoreboard":
        day = date.fromisoformat(query["dates"])
        games = [_game(scenario, day, game, now) for game in scenario.games.get(day, ()) if game.tip]
        return json_document({"leagues": [{"id": "46"}], "day": {"date": day.isoformat()}, "events": games})
    match = _TEAM.fullmatch(path)
    if match is None or not 1 <= int(match[1]) <= len(_TEAMS_BY_NUMBER):
        return None
    return json_document({"team": _team(int(match[1]), TEAMS[_TEAMS_BY_NUMBER[int(match[1]) - 1]])})


def _game(scenario: Scenario, day: date, game: ScenarioGame, now: datetime) -> JsonValue:
    story, status = tell(scenario, game), game_status(game, day, now)
    name, state = _STATES.get(status, ("STATUS_IN_PROGRESS", "in"))
    if status_text(game, day, now) == "PPD":
        name, state = "STATUS_POSTPONED", "post"
    shown = periods_shown(story, status)
    return {
        "id": f"4017{int(game.id) % 100000:05}",
        "date": f"{at(day, game.tip or '00:00').astimezone(UTC):%Y-%m-%dT%H:%MZ}",
        "name": f"{story.teams[1].full_name} at {story.teams[0].full_name}",
        "competitions": [
            {"competitors": [_side(story, place, shown) for place in (0, 1)]},
        ],
        "status": {
            "period": shown,
            "displayClock": "0.0",
            "type": {"name": name, "state": state, "shortDetail": status_text(game, day, now)},
        },
    }


def _side(story: GameStory, place: int, shown: int) -> JsonValue:
    points = sum(story.points(place, period) for period in range(1, shown + 1))
    return {
        "homeAway": ("home", "away")[place],
        "score": str(points),
        "team": {"abbreviation": _code(story.teams[place])},
    }


def _team(number: int, team: FakeTeam) -> JsonValue:
    return {
        "id": str(number),
        "abbreviation": _code(team),
        "displayName": team.full_name,
        "athletes": [_athlete(player) for player in roster(team)],
    }


def _athlete(player: Player) -> JsonValue:
    hurt = player.absence == "INACTIVE_INJURY"
    return {
        "id": str(player.id),
        "displayName": player.name,
        "firstName": player.first,
        "lastName": player.last,
        "jersey": player.jersey,
        "position": {"abbreviation": player.position or "F"},
        "height": 79.0,
        "weight": 215.0,
        "age": 26,
        "dateOfBirth": "1998-06-15T07:00Z",
        "experience": {"years": 4},
        "status": {"name": "Active"},
        "injuries": [{"status": "Out", "date": "2025-01-10T15:30Z"}] if hurt else [],
    }


def _code(team: FakeTeam) -> str:
    return _CODES.get(team.tricode, team.tricode)

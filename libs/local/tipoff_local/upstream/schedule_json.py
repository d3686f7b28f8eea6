"""Writes scheduleLeagueV2.json as the league's is, false `Z`s and all: only `gameDateTimeUTC` is what it says."""

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from tipoff_local.upstream.scenario import ET, Game, Scenario, at
from tipoff_local.upstream.teams import Team

GAME_LENGTH = timedelta(hours=2, minutes=30)
"""From tip-off to the final buzzer, roughly and for every game."""

_SCHEDULED, _LIVE, _FINAL = 1, 2, 3
_UNTIMED = "0001-01-01T00:00:00Z"
_NO_BROADCASTERS: Mapping[str, JsonValue] = {
    f"{scope}{medium}Broadcasters": []
    for scope in ("national", "home", "away", "intl")
    for medium in ("Tv", "Radio", "Ott")
}


def write_schedule(scenario: Scenario, now: datetime) -> bytes:
    """The schedule as the source shows it at `now` (aware)."""
    document: dict[str, JsonValue] = {
        "meta": {
            "version": 1,
            "request": f"http://nba.cloud/league/00/{scenario.season_year}/scheduleleaguev2?Format=json",
            "time": _local(now),
        },
        "leagueSchedule": {
            "seasonYear": scenario.season_year,
            "leagueId": "00",
            "gameDates": [
                {
                    "gameDate": f"{day:%m/%d/%Y} 00:00:00",
                    "games": [_game(scenario, day, game, now, place) for place, game in enumerate(games, 1)],
                }
                for day, games in sorted(scenario.games.items())
                if games
            ],
            "weeks": [],
            "broadcasterList": [],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _game(scenario: Scenario, day: date, game: Game, now: datetime, place: int) -> JsonValue:
    home, away = scenario.team(game.home), scenario.team(game.away)
    midnight = at(day, "00:00")
    tip = at(day, game.tip) if game.tip else midnight
    off = game.postponed_at is not None and game.postponed_at <= now
    status = _status(game, tip, now, off)
    return {
        "gameId": game.id,
        "gameCode": f"{day:%Y%m%d}/{away.tricode}{home.tricode}",
        "gameStatus": status,
        "gameStatusText": _status_text(game, tip, status, off),
        "gameSequence": place,
        "gameDateEst": f"{day}T00:00:00Z",
        "gameTimeEst": f"1900-01-01T{tip:%H:%M}:00Z" if game.tip else _UNTIMED,
        "gameDateTimeEst": _local(tip),
        "gameDateUTC": _utc(midnight),
        "gameTimeUTC": f"1900-01-01{_utc(tip)[10:]}",
        "gameDateTimeUTC": _utc(tip),
        "awayTeamTime": _local(tip),
        "homeTeamTime": _local(tip),
        "day": f"{day:%a}",
        "monthNum": day.month,
        "weekNumber": 0,
        "weekName": "",
        "ifNecessary": False,
        "seriesGameNumber": "",
        "gameLabel": game.label,
        "gameSubLabel": game.sub_label,
        "seriesText": "",
        "arenaName": game.arena or home.arena,
        "arenaState": "",
        "arenaCity": home.city,
        "postponedStatus": "Y" if off else "N",
        "branchLink": "",
        "gameSubtype": "",
        "isNeutral": False,
        "broadcasters": dict(_NO_BROADCASTERS),
        "homeTeam": _team(home, game, status),
        "awayTeam": _team(away, game, status),
        "pointsLeaders": [],
    }


def _status(game: Game, tip: datetime, now: datetime, off: bool) -> int:
    if off or game.tip is None or now < tip:
        return _SCHEDULED
    return _LIVE if now < tip + GAME_LENGTH else _FINAL


def _status_text(game: Game, tip: datetime, status: int, off: bool) -> str:
    if off:
        return "PPD"
    if game.tip is None:
        return "TBD"
    if status == _SCHEDULED:
        return f"{tip:%I:%M} {tip:%p} ET".lstrip("0").replace("AM", "am").replace("PM", "pm")
    return "Final" if status == _FINAL else "Q2 5:30"


def _team(team: Team, game: Game, status: int) -> JsonValue:
    points = 0 if status == _SCHEDULED else 95 + zlib.crc32(f"{game.id}{team.tricode}".encode()) % 35
    return {
        "teamId": team.id,
        "teamName": team.name,
        "teamCity": team.city,
        "teamTricode": team.tricode,
        "teamSlug": team.name.lower().replace(" ", "-"),
        "wins": 0,
        "losses": 0,
        "score": points,
        "seed": 0,
    }


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(instant: datetime) -> str:
    """New York's time with the source's false Z."""
    return instant.astimezone(ET).strftime("%Y-%m-%dT%H:%M:%SZ")

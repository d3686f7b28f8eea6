"""scheduleLeagueV2.json in the league's format, with its false `Z`s: only `gameDateTimeUTC` is in UTC."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from pydantic import JsonValue

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.document import compact, utc
from tipoff_dev.fakes.sources.game_story import GameStory, final_points
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.teams import FakeTeam

GAME_LENGTH = timedelta(hours=2, minutes=30)
"""Approximate time from tip-off to the end, the same for every game."""

SCHEDULED, LIVE, FINAL = 1, 2, 3
_FIRST_MONTH = 10  # of a season
_UNTIMED = "0001-01-01T00:00:00Z"
_NO_BROADCASTERS: Mapping[str, JsonValue] = {
    f"{scope}{medium}Broadcasters": []
    for scope in ("national", "home", "away", "intl")
    for medium in ("Tv", "Radio", "Ott")
}


def write_schedule(scenario: Scenario, now: datetime) -> bytes:
    """Return the schedule as the source serves it at `now` (aware)."""
    document: dict[str, JsonValue] = {
        "meta": {
            "version": 1,
            "request": f"http://nba.cloud/league/00/{scenario.season_year}/scheduleleaguev2?Format=json",
            "time": _local(now),
        },
        "leagueSchedule": {
            "seasonYear": _season_year(scenario, now),
            "leagueId": "00",
            "gameDates": [],
            "weeks": [],
            "broadcasterList": [],
        },
    }
    days = (
        b'{"gameDate":"%b 00:00:00","games":[%b]}'
        % (f"{day:%m/%d/%Y}".encode(), _games(scenario, day, games, now))
        for day, games in sorted(scenario.games.items())
        if games
    )
    # The games are inserted as cached text, since few of them change from one instant to the next.
    return compact(document).replace(b'"gameDates":[]', b'"gameDates":[%b]' % b",".join(days), 1)


def _season_year(scenario: Scenario, now: datetime) -> str:
    """Return the scenario's season, or the season of `now` if that is later: the source serves the current one."""
    today = now.astimezone(EASTERN).date()
    start = today.year if today.month >= _FIRST_MONTH else today.year - 1
    return max(scenario.season_year, f"{start}-{(start + 1) % 100:02}")


def _games(scenario: Scenario, day: date, games: Sequence[ScenarioGame], now: datetime) -> bytes:
    return b",".join(
        _game(
            day,
            game,
            place,
            scenario.team(game.home),
            scenario.team(game.away),
            game_status(game, day, now),
            status_text(game, day, now),
            game.is_off(now),
        )
        for place, game in enumerate(games, 1)
    )


@lru_cache(maxsize=4_096)
def _game(
    day: date,
    game: ScenarioGame,
    place: int,
    home: FakeTeam,
    away: FakeTeam,
    status: int,
    text: str,
    off: bool,
) -> bytes:
    """Write one game as JSON. Cached: a season's games are requested repeatedly, and each changes three times."""
    midnight = at(day, "00:00")
    tip = at(day, game.tip) if game.tip else midnight
    home_points, away_points = (0, 0) if status == SCHEDULED else final_points(game)
    shown: dict[str, JsonValue] = {
        "gameId": game.id,
        "gameCode": f"{day:%Y%m%d}/{away.tricode}{home.tricode}",
        "gameStatus": status,
        "gameStatusText": text,
        "gameSequence": place,
        "gameDateEst": f"{day}T00:00:00Z",
        "gameTimeEst": f"1900-01-01T{tip:%H:%M}:00Z" if game.tip else _UNTIMED,
        "gameDateTimeEst": _local(tip),
        "gameDateUTC": utc(midnight),
        "gameTimeUTC": f"1900-01-01{utc(tip)[10:]}",
        "gameDateTimeUTC": utc(tip),
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
        "homeTeam": _team(home, home_points),
        "awayTeam": _team(away, away_points),
        "pointsLeaders": [],
    }
    return compact(shown)


def game_status(game: ScenarioGame, day: date, now: datetime) -> int:
    """Return `SCHEDULED`, `LIVE` or `FINAL`. day: the league's date of the game."""
    tip = _tip(day, game)
    if tip is None or game.is_off(now) or now < tip:
        return SCHEDULED
    return LIVE if now < tip + GAME_LENGTH else FINAL


@lru_cache(maxsize=4_096)
def _tip(day: date, game: ScenarioGame) -> datetime | None:
    return at(day, game.tip).astimezone(UTC) if game.tip else None


def periods_shown(story: GameStory, status: int) -> int:
    """Return the number of periods in the documents of a game with that status: all after its end, the first half
    while it is live."""
    return {SCHEDULED: 0, LIVE: 2, FINAL: story.periods}[status]


def status_text(game: ScenarioGame, day: date, now: datetime) -> str:
    """Write a game's status as printed: "7:00 pm ET", "Q2 5:30", "Final", "PPD" or "TBD"."""
    if game.is_off(now):
        return "PPD"
    if game.tip is None:
        return "TBD"
    status = game_status(game, day, now)
    if status == SCHEDULED:
        tip = at(day, game.tip)
        return f"{tip:%I:%M} {tip:%p} ET".lstrip("0").replace("AM", "am").replace("PM", "pm")
    return "Final" if status == FINAL else "Q2 5:30"


def _team(team: FakeTeam, points: int) -> JsonValue:
    return {
        **team.fields,
        "teamSlug": team.name.lower().replace(" ", "-"),
        "wins": 0,
        "losses": 0,
        "score": points,
        "seed": 0,
    }


def _local(instant: datetime) -> str:
    """Format New York's time with the source's false Z."""
    return instant.astimezone(EASTERN).strftime("%Y-%m-%dT%H:%M:%SZ")

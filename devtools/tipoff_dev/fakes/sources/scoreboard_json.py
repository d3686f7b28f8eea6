"""The scoreboard of a day, in the common format of cdn.nba.com's `todaysScoreboard` and stats.nba.com's
`scoreboardv3`."""

from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.box_score_json import scores_by_period
from tipoff_dev.fakes.sources.document import compact, utc
from tipoff_dev.fakes.sources.game_story import GameStory, tell
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.schedule_json import LIVE, game_status, periods_shown, status_text

TURNS_AT = timedelta(hours=12)
"""The CDN's scoreboard shows the previous day until noon in New York."""


def scoreboard_day(now: datetime) -> date:
    """Return the day whose scoreboard the CDN shows at `now` (aware)."""
    return (now.astimezone(EASTERN) - TURNS_AT).date()


def write_scoreboard(scenario: Scenario, day: date, now: datetime) -> bytes:
    """Return the scoreboard of `day` at `now` (aware); a day without games has an empty list."""
    document: dict[str, JsonValue] = {
        "meta": {
            "version": 1,
            "request": f"http://nba.cloud/league/00/{day:%Y/%m/%d}/scoreboard?Format=json",
            "time": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
        },
        "scoreboard": {
            "gameDate": day.isoformat(),
            "leagueId": "00",
            "leagueName": "National Basketball Association",
            "games": [_game(scenario, day, game, now) for game in scenario.games.get(day, ()) if game.tip],
        },
    }
    return compact(document)


def _game(scenario: Scenario, day: date, game: ScenarioGame, now: datetime) -> JsonValue:
    story = tell(scenario, game)
    tip = at(day, game.tip or "00:00")
    status = game_status(game, day, now)
    return {
        "gameId": game.id,
        "gameCode": f"{day:%Y%m%d}/{game.away}{game.home}",
        "gameStatus": status,
        "gameStatusText": status_text(game, day, now),
        "period": periods_shown(story, status),
        "gameClock": "PT05M30.00S" if status == LIVE else "",
        "gameTimeUTC": utc(tip),
        "gameEt": f"{tip:%Y-%m-%dT%H:%M:%SZ}",
        "regulationPeriods": 4,
        "seriesGameNumber": "",
        "gameLabel": game.label,
        "gameSubLabel": game.sub_label,
        "seriesText": "",
        "ifNecessary": False,
        "gameLeaders": {"homeLeaders": {}, "awayLeaders": {}},
        "homeTeam": _team(story, 0, status),
        "awayTeam": _team(story, 1, status),
    }


def _team(story: GameStory, side: int, status: int) -> JsonValue:
    shown = periods_shown(story, status)
    return {
        **story.teams[side].fields,
        "wins": 0,
        "losses": 0,
        "score": sum(story.points(side, period) for period in range(1, shown + 1)),
        "seed": None,
        "inBonus": None,
        "timeoutsRemaining": 0,
        "periods": scores_by_period(story, side, shown),
    }

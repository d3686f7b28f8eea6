"""The CDN's box score of a game, in the league's format: flags as "0" and "1", minutes as PT32M00.00S."""

from datetime import date, datetime

from pydantic import JsonValue

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.document import compact, utc
from tipoff_dev.fakes.sources.game_story import GameStory, Kind, Player, tell
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.schedule_json import FINAL, SCHEDULED, game_status, periods_shown, status_text

Counts = dict[str, int]


def write_box_score(scenario: Scenario, day: date, game: ScenarioGame, now: datetime) -> bytes | None:
    """Return the box score at `now` (aware); None before the tip-off."""
    status = game_status(game, day, now)
    if status == SCHEDULED:
        return None
    story = tell(scenario, game)
    tip = at(day, game.tip or "00:00")
    document: dict[str, JsonValue] = {
        "meta": {
            "version": 1,
            "code": 200,
            "request": f"http://nba.cloud/games/{game.id}/boxscore?Format=json",
            "time": f"{now.astimezone(EASTERN):%Y-%m-%d %H:%M:%S}.000000",
        },
        "game": {
            "gameId": game.id,
            "gameTimeLocal": tip.isoformat(),
            "gameTimeUTC": utc(tip),
            "gameTimeHome": tip.isoformat(),
            "gameTimeAway": tip.isoformat(),
            "gameEt": tip.isoformat(),
            "duration": 130,
            "gameCode": f"{day:%Y%m%d}/{game.away}{game.home}",
            "gameStatusText": status_text(game, day, now),
            "gameStatus": status,
            "regulationPeriods": 4,
            "period": periods_shown(story, status),
            "gameClock": "PT00M00.00S" if status == FINAL else "PT05M30.00S",
            "attendance": 18000,
            "sellout": "1",
            "arena": {"arenaId": 1, "arenaName": game.arena or story.teams[0].arena},
            "officials": [],
            "homeTeam": _team(story, 0),
            "awayTeam": _team(story, 1),
        },
    }
    return compact(document)


def counts(story: GameStory, side: int, player: Player | None = None) -> Counts:
    """Return the countable statistics of a side or of one of its players, by the box score's keys."""

    def count(kind: Kind, *, made: bool | None = None) -> int:
        return story.count(side, kind, player=player, made=made)

    twos, threes, free_throws = (count(kind, made=True) for kind in ("2pt", "3pt", "freethrow"))
    return {
        "points": 2 * twos + 3 * threes + free_throws,
        "twoPointersMade": twos,
        "twoPointersAttempted": count("2pt"),
        "threePointersMade": threes,
        "threePointersAttempted": count("3pt"),
        "fieldGoalsMade": twos + threes,
        "fieldGoalsAttempted": count("2pt") + count("3pt"),
        "freeThrowsMade": free_throws,
        "freeThrowsAttempted": count("freethrow"),
        "reboundsOffensive": count("rebound", made=True),
        "reboundsDefensive": count("rebound", made=False),
        "reboundsTotal": count("rebound"),
        "assists": count("assist"),
        "steals": count("steal"),
        "blocks": count("block"),
        "turnovers": count("turnover"),
        "foulsPersonal": count("foul"),
    }


def clock(seconds: float) -> str:
    """Format seconds like PT43M44.00S."""
    minutes, rest = divmod(seconds, 60)
    return f"PT{int(minutes):02}M{rest:05.2f}S"


def period_type(period: int) -> str:
    """Return the word for a period's kind."""
    return "REGULAR" if period <= 4 else "OVERTIME"


def scores_by_period(story: GameStory, side: int, shown: int) -> list[JsonValue]:
    """Return a side's points in each of the first periods."""
    return [
        {"period": period, "periodType": period_type(period), "score": story.points(side, period)}
        for period in range(1, shown + 1)
    ]


def _team(story: GameStory, side: int) -> JsonValue:
    return {
        **story.teams[side].fields,
        "score": story.points(side),
        "inBonus": "0",
        "timeoutsRemaining": 1,
        "periods": scores_by_period(story, side, story.periods),
        "players": [
            _player(story, side, player, order) for order, player in enumerate(story.players[side], 1)
        ],
        "statistics": _team_statistics(story, side),
    }


def _player(story: GameStory, side: int, player: Player, order: int) -> JsonValue:
    fields: dict[str, JsonValue] = {
        "status": "INACTIVE" if player.absence.startswith("INACTIVE") else "ACTIVE"
    }
    if player.absence:
        fields["notPlayingReason"] = player.absence
    if player.absence.endswith("INJURY"):
        fields["notPlayingDescription"] = "Left Ankle; Sprain"
    fields |= {"order": order, "personId": player.id, "jerseyNum": player.jersey}
    if player.starter:
        fields["position"] = player.position
    return fields | {
        "starter": "1" if player.starter else "0",
        "oncourt": "0",
        "played": "0" if player.absence else "1",
        "statistics": _player_statistics(story, side, player),
        "name": player.name,
        "nameI": player.initial_name,
        "firstName": player.first,
        "familyName": player.last,
    }


def _player_statistics(story: GameStory, side: int, player: Player) -> dict[str, JsonValue]:
    margin = (story.points(side) - story.points(1 - side)) if player.starter else 0
    return {
        **_with_shares(counts(story, side, player)),
        "blocksReceived": 0,
        "foulsOffensive": 0,
        "foulsDrawn": 0,
        "foulsTechnical": 0,
        "minus": float(max(0, -margin)),
        "plus": float(max(0, margin)),
        "plusMinusPoints": float(margin),
        "minutes": clock(player.seconds),
        "minutesCalculated": f"PT{player.seconds // 60:02}M",
        "pointsFastBreak": 0,
        "pointsInThePaint": 0,
        "pointsSecondChance": 0,
    }


def _team_statistics(story: GameStory, side: int) -> dict[str, JsonValue]:
    own = counts(story, side)
    seconds = sum(player.seconds for player in story.players[side])
    bench = [player for player in story.players[side] if not player.starter]
    zeros = (
        "blocksReceived foulsOffensive foulsDrawn foulsTeam foulsTechnical foulsTeamTechnical biggestLead"
        " biggestScoringRun fastBreakPointsAttempted fastBreakPointsMade leadChanges pointsFastBreak"
        " pointsFromTurnovers pointsInThePaint pointsInThePaintAttempted pointsInThePaintMade pointsSecondChance"
        " reboundsTeam reboundsTeamDefensive reboundsTeamOffensive secondChancePointsAttempted"
        " secondChancePointsMade timesTied turnoversTeam"
    )
    shares = (
        "assistsTurnoverRatio fastBreakPointsPercentage fieldGoalsEffectiveAdjusted pointsInThePaintPercentage"
        " secondChancePointsPercentage trueShootingAttempts trueShootingPercentage"
    )
    return {
        **_with_shares(own),
        **dict.fromkeys(zeros.split(), 0),
        **dict.fromkeys(shares.split(), 0.0),
        "biggestLeadScore": "2-0",
        "biggestScoringRunScore": "2-0",
        "benchPoints": sum(counts(story, side, player)["points"] for player in bench),
        "minutes": clock(seconds),
        "minutesCalculated": f"PT{seconds // 60}M",
        "pointsAgainst": story.points(1 - side),
        "reboundsPersonal": own["reboundsTotal"],
        "timeLeading": clock(1200),
        "turnoversTotal": own["turnovers"],
    }


def _with_shares(own: Counts) -> dict[str, JsonValue]:
    shares: dict[str, JsonValue] = {
        f"{shot}Percentage": own[f"{shot}Made"] / max(1, own[f"{shot}Attempted"])
        for shot in ("fieldGoals", "twoPointers", "threePointers", "freeThrows")
    }
    return {**own, **shares}

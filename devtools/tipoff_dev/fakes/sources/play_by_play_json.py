"""The CDN's play-by-play of a game, in the league's format: scores as strings, optional keys only with a value, the end
of the game as a separate action."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.box_score_json import clock, period_type
from tipoff_dev.fakes.sources.document import compact, utc
from tipoff_dev.fakes.sources.game_story import (
    OVERTIME_SECONDS,
    PERIOD_SECONDS,
    POINTS,
    GameEvent,
    GameStory,
    tell,
)
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at
from tipoff_dev.fakes.sources.schedule_json import FINAL, SCHEDULED, game_status, periods_shown

Action = dict[str, JsonValue]


def write_play_by_play(scenario: Scenario, day: date, game: ScenarioGame, now: datetime) -> bytes | None:
    """Return the actions at `now` (aware), those of the first half while the game is live; None before the tip."""
    status = game_status(game, day, now)
    if status == SCHEDULED:
        return None
    story = tell(scenario, game)
    actions = list(
        _numbered(story, periods_shown(story, status), at(day, game.tip or "00:00"), over=status == FINAL)
    )
    document: dict[str, JsonValue] = {
        "meta": {
            "version": 1,
            "code": 200,
            "request": f"http://nba.cloud/games/{game.id}/playbyplay?Format=json",
            "time": f"{now.astimezone(EASTERN):%Y-%m-%d %H:%M:%S}.000000",
        },
        "game": {"gameId": game.id, "actions": [*actions]},
    }
    return compact(document)


def _numbered(story: GameStory, periods: int, tip: datetime, *, over: bool) -> Iterator[Action]:
    """Yield the numbered actions, with gaps as in the source."""
    score = [0, 0]
    for number, action in enumerate(_actions(story, periods, over=over, score=score), 1):
        period, left = int(str(action["period"])), float(str(action.pop("left")))
        length = PERIOD_SECONDS if period <= 4 else OVERTIME_SECONDS
        actual = tip + timedelta(minutes=30 * (period - 1), seconds=2 * (length - left))
        yield {
            "actionNumber": number * 2,
            "clock": clock(left),
            "timeActual": f"{actual.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0Z",
            "edited": utc(actual),
            "orderNumber": number * 10000,
            **action,
        }


def _actions(story: GameStory, periods: int, *, over: bool, score: list[int]) -> Iterator[Action]:
    for period in range(1, periods + 1):
        length = PERIOD_SECONDS if period <= 4 else OVERTIME_SECONDS
        yield _own_action("period", "start", period, length, score)
        for event in story.events:
            if event.period == period and event.kind != "assist":
                if event.made and event.kind in POINTS:
                    score[event.side] += POINTS[event.kind]
                yield _event(event, story, score)
        if over or period < periods:
            yield _own_action("period", "end", period, 0, score)
    if over:
        yield _own_action("game", "end", periods, 0, score)


def _own_action(kind: str, sub_type: str, period: int, left: float, score: list[int]) -> Action:
    return {
        **_common(kind, period, left, score),
        "subType": sub_type,
        "personId": 0,
        "x": None,
        "y": None,
        "side": None,
        "isFieldGoal": 0,
        "personIdsFilter": [],
        "description": f"{kind.title()} {sub_type.title()}",
    }


def _event(event: GameEvent, story: GameStory, score: list[int]) -> Action:
    team, player = story.teams[event.side], event.player
    shot = event.kind in POINTS
    action: Action = {
        **_common(event.kind, event.period, event.left, score),
        "teamId": team.id,
        "teamTricode": team.tricode,
        "personId": player.id,
        "playerName": player.last,
        "playerNameI": player.initial_name,
        "x": 12.5 if shot else None,
        "y": 50.0 if shot else None,
        "side": "left" if shot else None,
        "isFieldGoal": int(event.kind in ("2pt", "3pt")),
        "personIdsFilter": [player.id],
        "description": f"{player.initial_name} {event.kind}",
    }
    if shot:
        action |= {
            "shotResult": "Made" if event.made else "Missed",
            "subType": "Jump Shot",
            "descriptor": "pullup",
        }
        action |= {
            "shotDistance": 24.5 if event.kind == "3pt" else 8.0,
            "pointsTotal": 2,
            "shotActionNumber": 2,
        }
    if event.kind == "rebound":
        action["subType"] = "offensive" if event.made else "defensive"
        action |= {"reboundTotal": 1, "reboundDefensiveTotal": 1, "reboundOffensiveTotal": 0}
    return action


def _common(kind: str, period: int, left: float, score: list[int]) -> Action:
    return {
        "left": left,
        "period": period,
        "periodType": period_type(period),
        "actionType": kind,
        "qualifiers": [],
        "possession": 0,
        "scoreHome": str(score[0]),
        "scoreAway": str(score[1]),
        "xLegacy": None,
        "yLegacy": None,
    }

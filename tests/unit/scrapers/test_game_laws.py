"""Tests of the laws of a game: an impossible value makes it incomplete, for every source."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nba_games import BEFORE, DAY, GAME, OVER, SCENARIO, edited
from served import REGISTRY, reason, run, served

from scrapers.game_laws import MIN_SHARE, Standing, contradiction, lacks_content
from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_dev.fakes.sources.play_by_play_json import write_play_by_play
from tipoff_dev.fakes.sources.scoreboard_json import write_scoreboard
from tipoff_scraper_runner.scraper import Parsed

BOX_SCORE = write_box_score(SCENARIO, DAY, GAME, OVER)
SCOREBOARD = write_scoreboard(SCENARIO, DAY, OVER)
ACTIONS = write_play_by_play(SCENARIO, DAY, GAME, OVER)
BOXES = pytest.mark.parametrize("name", ["nbac_player_boxscore", "nbac_team_boxscore"])

scores = st.integers(1, 180)


def parse(name: str, payload: bytes) -> Parsed:
    game = {"game_id": GAME.id} if "game_id" in REGISTRY[name].module.Parameters.model_fields else {}
    module = REGISTRY[name].module
    return module.parse(payload, module.Parameters.model_validate({"game_date": DAY, **game}))


@given(away=scores, home=scores, period=st.integers(4, 9))
def test_final_score_is_contradictory_only_when_tied(away: int, home: int, period: int) -> None:
    result = contradiction(Standing("NYK@PHI", "final", period, away, home))

    assert result == (f"NYK@PHI is final at {away}:{home}" if away == home else "")


@pytest.mark.parametrize(
    ("status", "period", "away", "home", "message"),
    [
        ("final", 0, 0, 0, "NYK@PHI is final at 0:0"),
        ("final", 4, 101, 0, "NYK@PHI is final at 101:0"),
        ("final", 2, 101, 99, "NYK@PHI is final in period 2"),
        ("scheduled", 3, 70, 77, "NYK@PHI is scheduled, but has the score 70:77 in period 3"),
        ("scheduled", 0, 0, 2, "NYK@PHI is scheduled, but has the score 0:2 in period 0"),
        ("scheduled", 0, 0, 0, ""),
        ("live", 1, 0, 0, ""),
        ("live", 4, 99, 99, ""),
        ("postponed", 0, 0, 0, ""),
    ],
)
def test_impossible_standing_is_named(status: str, period: int, away: int, home: int, message: str) -> None:
    assert contradiction(Standing("NYK@PHI", status, period, away, home)) == message


@given(share=st.floats(0, 1.2))
def test_content_is_lacking_below_minimum_share(share: float) -> None:
    result = lacks_content("NYK", 240 * share, 240, round(100 * share), 100)

    assert bool(result) == (240 * share < MIN_SHARE * 240 or round(100 * share) < MIN_SHARE * 100)


def zeros(document: Any) -> None:
    for side in ("homeTeam", "awayTeam"):
        team = document["game"][side]
        team["score"] = 0
        for line in (*(player["statistics"] for player in team["players"]), *team["periods"]):
            line.update({key: 0 for key, value in line.items() if isinstance(value, int) and key != "period"})
        for player in team["players"]:
            player["statistics"]["minutes"] = "PT00M00.00S"


def without_players(document: Any) -> None:
    for side in ("homeTeam", "awayTeam"):
        document["game"][side]["players"] = []


def half_filled(document: Any) -> None:
    for player in document["game"]["awayTeam"]["players"][3:]:
        player["statistics"].update(minutes="", points=0)


@BOXES
@pytest.mark.parametrize("edit", [zeros, without_players, half_filled])
def test_a_final_box_score_without_its_content_is_no_data_yet(name: str, edit: Any) -> None:
    """A source answered 89 times with games and no players (incident 40 of docs/explanation/incidents.md)."""
    executed = run(name, served(edited(BOX_SCORE, edit)), game_id=GAME.id)

    contradictions: Any = executed.data_summary["contradictions"]
    assert reason(executed).startswith(f"game {GAME.id} is final, but its box score is incomplete: ")
    assert any("of 240 minutes" in sentence for sentence in contradictions["examples"])


@BOXES
def test_complete_box_score_has_no_contradiction(name: str) -> None:
    assert not parse(name, BOX_SCORE or b"").contradictions


@BOXES
def test_unreadable_player_is_not_missing_content(name: str) -> None:
    def spoil(document: Any) -> None:
        document["game"]["awayTeam"]["players"][0]["statistics"]["minutes"] = "half an hour"

    found = parse(name, edited(BOX_SCORE, spoil))

    assert not found.contradictions
    assert found.records


def final_at_nothing(game: Any) -> None:
    game.update(gameStatus=3, gameStatusText="Final", period=0)
    for side in ("homeTeam", "awayTeam"):
        game[side].update(score=0, periods=[])


def scheduled_in_period_3(game: Any) -> None:
    game.update(gameStatus=1, gameStatusText="7:30 pm ET", period=3)


@pytest.mark.parametrize("edit", [final_at_nothing, scheduled_in_period_3])
def test_scoreboard_lists_contradictory_game_as_missing(edit: Any) -> None:
    found = parse("nbac_scoreboard", edited(SCOREBOARD, lambda board: edit(board["scoreboard"]["games"][0])))
    game: Any = next(iter(found.records))
    result: Any = found.summary["completeness"]

    (sentence,) = found.contradictions
    assert sentence.startswith(game.matchup)
    assert game.matchup in result["missing"]
    assert len(found.records) == len(SCENARIO.games[DAY])


def test_postponed_game_has_no_contradiction() -> None:
    def call_off(board: Any) -> None:
        board["scoreboard"]["games"][0].update(gameStatus=3, gameStatusText="PPD")

    payload = edited(write_scoreboard(SCENARIO, DAY, BEFORE), call_off)
    assert not parse("nbac_scoreboard", payload).contradictions


def test_play_by_play_ending_without_score_is_no_data() -> None:
    def empty(document: Any) -> None:
        for action in document["game"]["actions"]:
            action.update(scoreHome="0", scoreAway="0")

    found = parse("nbac_play_by_play", edited(ACTIONS, empty))

    assert (found.records, found.empty_reason) == ((), f"game {GAME.id} is final at 0:0")


def test_play_by_play_is_about_day_of_its_start() -> None:
    assert parse("nbac_play_by_play", ACTIONS or b"").about == DAY


def test_the_play_by_play_of_another_day_is_refused_when_requested_manually() -> None:
    def a_week_later(document: Any) -> None:
        for action in document["game"]["actions"]:
            action["timeActual"] = action["timeActual"].replace("2025-01-1", "2025-01-2")

    executed = run("nbac_play_by_play", served(edited(ACTIONS, a_week_later)), game_id=GAME.id)

    assert "the document is about 2025-01-25" in json.dumps(executed.outcome.model_dump(mode="json"))

"""Regression tests for the finds of `make fuzz`: nearly valid documents with a wrong result, one test per cause."""

import json
from typing import Any

import pytest
from nba_games import DAY, GAME, OVER, SCENARIO, edited
from odd import assert_set_aside
from served import REGISTRY

from scrapers.nbacom.durations import seconds
from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_dev.fakes.sources.officials_json import write_officials
from tipoff_dev.fakes.sources.play_by_play_json import write_play_by_play
from tipoff_dev.fakes.sources.players_json import write_player_index, write_player_movement
from tipoff_dev.fakes.sources.schedule_json import write_schedule
from tipoff_dev.fakes.sources.scoreboard_json import write_scoreboard
from tipoff_scraper_runner.errors import SourceChanged, Undecodable
from tipoff_scraper_runner.parsing.json_document import json_value
from tipoff_scraper_runner.scraper import Parsed

DOCUMENTS = {
    "nbac_play_by_play": write_play_by_play(SCENARIO, DAY, GAME, OVER),
    "nbac_player_boxscore": write_box_score(SCENARIO, DAY, GAME, OVER),
    "nbac_team_boxscore": write_box_score(SCENARIO, DAY, GAME, OVER),
    "nbac_player_list": write_player_index("2024-25"),
    "nbac_player_movement": write_player_movement(DAY),
    "nbac_referee_assignments": write_officials(SCENARIO, DAY, OVER),
    "nbac_schedule": write_schedule(SCENARIO, OVER),
    "nbac_scoreboard": write_scoreboard(SCENARIO, DAY, OVER),
}


def parse(name: str, path: str, change: Any) -> Parsed:
    """Parse the scraper's document after `change` is applied at `path`."""

    def edit(document: Any) -> None:
        *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
        for step in way:
            document = document[step]
        document[last] = change(document[last]) if callable(change) else change

    module = REGISTRY[name].module
    parameters = {
        "game_date": DAY,
        **({"game_id": GAME.id} if "game_id" in module.Parameters.model_fields else {}),
    }
    return module.parse(edited(DOCUMENTS[name], edit), module.Parameters.model_validate(parameters))


def doubled(items: list[Any]) -> list[Any]:
    return [*items, items[-1]]


@pytest.mark.parametrize(
    "body",
    [b'{"name": "\\ud83c"}', b'["\\uDFFF x"]', b'["\xed\xa0\x80"]', '"\\ud800"'.encode("utf-16")],
    ids=["high half", "low half", "as bytes", "UTF-16"],
)
def test_unpaired_surrogate_is_undecodable(body: bytes) -> None:
    """An unpaired surrogate cannot be stored in a file, event or row: the write failed as `internal`."""
    with pytest.raises(Undecodable, match="surrogates not allowed"):
        json_value(body, "the document")


def test_surrogate_pair_is_decoded() -> None:
    assert json_value(b'"\\ud83c\\udfc0"', "the document") == "\U0001f3c0"


@pytest.mark.parametrize("printed", ["PT" + "9" * 400 + "M00.00S", "9" * 400 + ":00"])
def test_huge_duration_is_a_changed_source(printed: str) -> None:
    with pytest.raises(SourceChanged, match="is not a length of time"):
        seconds(printed)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nbac_player_boxscore", "game.homeTeam.players.0.statistics.fieldGoalsPercentage"),
        ("nbac_team_boxscore", "game.homeTeam.statistics.freeThrowsPercentage"),
        ("nbac_play_by_play", "game.actions.3.shotDistance"),
    ],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_number_is_rejected(name: str, path: str, value: float) -> None:
    if name == "nbac_team_boxscore":
        with pytest.raises(SourceChanged, match="finite number"):
            parse(name, path, value)
    else:
        assert_set_aside(parse(name, path, value), "finite number")


def test_non_finite_number_in_table_row_is_set_aside() -> None:
    headers = json.loads(DOCUMENTS["nbac_player_list"] or b"")["resultSets"][0]["headers"]

    path = f"resultSets.0.rowSet.0.{headers.index('PTS')}"
    assert_set_aside(parse("nbac_player_list", path, float("nan")), "finite number")


@pytest.mark.parametrize(
    ("name", "path"),
    [("nbac_player_boxscore", "game.homeTeam.players"), ("nbac_referee_assignments", "nba.Table.rows")],
)
def test_repeated_item_counts_once(name: str, path: str) -> None:
    assert parse(name, path, doubled).records == parse(name, path, lambda items: items).records


def test_repeated_transaction_counts_once() -> None:
    found = parse("nbac_player_movement", "NBA_Player_Movement.rows", doubled)

    assert (len(found.records), found.summary["repeated"]) == (1500, 1)


def test_game_with_blank_team_is_set_aside() -> None:
    assert_set_aside(parse("nbac_referee_assignments", "nba.Table.rows.0.away_team_abbr", " "), "is blank")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nbac_schedule", "leagueSchedule.gameDates.0.games.0.awayTeam.teamTricode"),
        ("nbac_scoreboard", "scoreboard.games.0.homeTeam.teamTricode"),
        ("nbac_team_boxscore", "game.awayTeam.teamTricode"),
    ],
)
@pytest.mark.parametrize("blank", [" ", None])
def test_team_with_blank_name_is_identified_by_id(name: str, path: str, blank: str | None) -> None:
    assert parse(name, path, blank).records == parse(name, path, lambda spelled: spelled).records


@pytest.mark.parametrize(
    ("name", "path", "value", "law"),
    [
        ("nbac_player_boxscore", "game.homeTeam.players.0.statistics.assists", -1, "has -1 assists"),
        ("nbac_team_boxscore", "game.homeTeam.players.0.statistics.threePointersMade", 99, "than he takes"),
        ("nbac_play_by_play", "game.actions.0.scoreHome", "-1", "the score is negative at action"),
    ],
)
def test_impossible_statistic_is_reported_as_broken_law(name: str, path: str, value: Any, law: str) -> None:
    assert any(law in broken for broken in parse(name, path, value).summary["broken_laws"])  # type: ignore[union-attr,operator]


@pytest.mark.parametrize("path", ["scoreboard.games.0.homeTeam.score", "scoreboard.games.0.awayTeam.score"])
def test_negative_score_is_set_aside(path: str) -> None:
    assert_set_aside(parse("nbac_scoreboard", path, -1), "is -1; a count cannot be negative")

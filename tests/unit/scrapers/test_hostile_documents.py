"""Tests of documents with one replaced value: a parser returns records or a fault's name, and never crashes."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from nba_games import DAY, GAME, OVER, SCENARIO
from served import assert_read_or_named

from scrapers.nbacom.nbac_play_by_play import scraper as play_by_play
from scrapers.nbacom.nbac_player_boxscore import scraper as player_boxscore
from scrapers.nbacom.nbac_player_list import scraper as player_list
from scrapers.nbacom.nbac_player_movement import scraper as player_movement
from scrapers.nbacom.nbac_referee_assignments import scraper as referee_assignments
from scrapers.nbacom.nbac_scoreboard import scraper as scoreboard
from scrapers.nbacom.nbac_team_boxscore import scraper as team_boxscore
from tipoff_dev.fakes.sources.box_score_json import write_box_score
from tipoff_dev.fakes.sources.officials_json import write_officials
from tipoff_dev.fakes.sources.play_by_play_json import write_play_by_play
from tipoff_dev.fakes.sources.players_json import write_player_index, write_player_movement
from tipoff_dev.fakes.sources.scoreboard_json import write_scoreboard
from tipoff_scraper_runner.errors import ScrapeFailure

KEPT = 12
"""Number of elements per list; more equal elements would only cost time."""


@dataclass(frozen=True)
class Case:
    scraper: Any
    payload: bytes | None
    per_game: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        return {"game_date": DAY.isoformat(), **({"game_id": GAME.id} if self.per_game else {})}


BOX_SCORE = write_box_score(SCENARIO, DAY, GAME, OVER)
CASES = {
    "play_by_play": Case(play_by_play, write_play_by_play(SCENARIO, DAY, GAME, OVER), per_game=True),
    "player_boxscore": Case(player_boxscore, BOX_SCORE, per_game=True),
    "team_boxscore": Case(team_boxscore, BOX_SCORE, per_game=True),
    "player_list": Case(player_list, write_player_index("2024-25")),
    "player_movement": Case(player_movement, write_player_movement(DAY)),
    "referee_assignments": Case(referee_assignments, write_officials(SCENARIO, DAY, OVER)),
    "scoreboard": Case(scoreboard, write_scoreboard(SCENARIO, DAY, OVER)),
}


def shortened(value: Any) -> Any:
    if isinstance(value, list):
        kept = value if len(value) <= KEPT else [*value[: KEPT // 2], *value[-KEPT // 2 :]]
        return [shortened(item) for item in kept]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_replaced_value_crashes_no_parser(case: Case) -> None:
    assert_read_or_named(case.scraper, _cut(case), **case.parameters)


def _cut(case: Case) -> Any:
    document = json.loads(case.payload or b"")
    for table in document.get("resultSets", ()):
        table["rowSet"] = table["rowSet"][:KEPT]
        return document
    return shortened(document)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"game": NaN}', b"{}"],
    ids=["nothing", "null", "list", "not text", "nested", "NaN", "bare"],
)
def test_foreign_document_raises_scrape_failure(case: Case, payload: bytes) -> None:
    with pytest.raises(ScrapeFailure):
        case.scraper.parse(payload, case.scraper.Parameters.model_validate(case.parameters))

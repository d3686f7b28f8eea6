"""Tests of completeness: one of nine games is not nine of nine (incident 9 of docs/explanation/incidents.md), and each
missing part is named."""

from datetime import datetime
from typing import Any

import pytest
from nba_games import BEFORE, DAY, OVER, SCENARIO, edited
from odds_payloads import event, game_lines
from served import REGISTRY, run, served

from scrapers.completeness import completeness
from scrapers.teams import team
from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.espn import espn_document
from tipoff_dev.fakes.sources.injury_pdf import write_report
from tipoff_dev.fakes.sources.officials_json import write_officials
from tipoff_dev.fakes.sources.players_json import write_player_index
from tipoff_dev.fakes.sources.publication import report_rows
from tipoff_dev.fakes.sources.scoreboard_json import write_scoreboard

GAMES = len(SCENARIO.games[DAY])
LAST_LIVE = datetime(2025, 1, 16, 0, 30, tzinfo=EASTERN)


def parse_completeness(name: str, payload: bytes) -> Any:
    module = REGISTRY[name].module
    parameters = module.Parameters.model_validate({"game_date": DAY.isoformat()})
    return module.parse(payload, parameters).summary["completeness"]


def espn(now: datetime) -> bytes:
    document = espn_document(
        SCENARIO,
        "site.api.espn.com/apis/site/v2/sports/basketball/nba/scoreboard",
        {"dates": f"{DAY:%Y%m%d}"},
        now,
    )
    assert document is not None
    return document.body


def test_missing_parts_are_named_in_order() -> None:
    found = completeness(["NYK@PHI", "BOS@TOR", "BOS@TOR"], ["BOS@TOR", "LAL@MIA"])
    assert found == {"expected": 2, "got": 1, "missing": ["NYK@PHI"]}


def test_nothing_expected_is_nothing_missing() -> None:
    assert completeness([], []) == {"expected": 0, "got": 0, "missing": []}


@pytest.mark.parametrize(
    ("name", "write"),
    [("nbac_scoreboard", lambda now: write_scoreboard(SCENARIO, DAY, now)), ("espn_scoreboard", espn)],
)
def test_games_without_result_are_missing(name: str, write: Any) -> None:
    early, late, night = (
        parse_completeness(name, write(now)) for now in (BEFORE, LAST_LIVE, OVER.replace(day=16))
    )
    assert (early["expected"], early["got"], len(early["missing"])) == (GAMES, 0, GAMES)
    assert 0 < late["got"] < GAMES
    assert late["got"] + len(late["missing"]) == GAMES
    assert "NYK@PHI" not in late["missing"]
    assert night == {"expected": GAMES, "got": GAMES, "missing": []}


def test_postponed_game_is_not_expected() -> None:
    def put_off(document: Any) -> None:
        document["scoreboard"]["games"][0]["gameStatusText"] = "PPD"

    assert (
        parse_completeness("nbac_scoreboard", edited(write_scoreboard(SCENARIO, DAY, BEFORE), put_off))[
            "expected"
        ]
        == GAMES - 1
    )


def test_a_game_without_its_crew_is_named() -> None:
    def unname(document: Any) -> None:
        row = next(row for row in document["nba"]["Table"]["rows"] if row["home_team_abbr"] == "PHI")
        row |= {"official3": None, "official3_code": None, "official3_JNum": None}

    found = parse_completeness(
        "nbac_referee_assignments", edited(write_officials(SCENARIO, DAY, OVER), unname)
    )
    assert found == {"expected": GAMES, "got": GAMES - 1, "missing": ["NYK@PHI"]}


def test_unsubmitted_team_is_missing_and_team_without_players_is_not() -> None:
    title = datetime(2025, 1, 15, 12, 30, tzinfo=EASTERN)
    rows = report_rows(SCENARIO, title)
    found = parse_completeness("nbac_injury_report", write_report(title, rows))
    silent = {f"{row.game_date} {team(row.team).tricode}" for row in rows if not row.player_name}
    games = {(row.game_date, row.matchup) for row in rows}
    assert set(found["missing"]) == silent
    assert found["expected"] == 2 * len(games)
    assert found["got"] == found["expected"] - len(silent)
    assert found["got"] >= len({(row.game_date, row.team) for row in rows if row.player_name})


def test_a_game_without_lines_is_named() -> None:
    night = [
        event(1, "Los Angeles Clippers", "Brooklyn Nets", "2025-01-16T03:40:00Z", bookmakers=[]),
        event(bookmakers=game_lines()),
    ]
    summary = run("oddsa_game_lines", served(night)).data_summary
    assert summary["completeness"] == {"expected": 2, "got": 1, "missing": ["BKN@LAC"]}


def test_a_team_without_players_is_named() -> None:
    def leave(document: Any) -> None:
        rows = document["resultSets"][0]
        team = rows["headers"].index("TEAM_ABBREVIATION")
        rows["rowSet"] = [row for row in rows["rowSet"] if row[team] != "UTA"]

    found = parse_completeness("nbac_player_list", edited(write_player_index("2024-25"), leave))
    assert found == {"expected": 30, "got": 29, "missing": ["UTA"]}

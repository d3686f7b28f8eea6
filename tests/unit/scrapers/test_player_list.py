from datetime import date
from random import Random
from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import DAY, edited
from odd import assert_set_aside

from scrapers.nbacom.nbac_player_list.scraper import Parameters, PlayerRecord, fetch, parse
from scrapers.nbacom.season import season_of
from tipoff_dev.fakes.sources.players_json import write_player_index
from tipoff_scraper_runner.errors import SourceChanged

PARAMETERS = Parameters(game_date=DAY)
PAYLOAD = write_player_index("2024-25")
NOON = "2025-01-15T12:00:00-05:00"


def test_every_team_has_its_players() -> None:
    found = parse(PAYLOAD, PARAMETERS)

    assert len(found.records) == 30 * 13 + 4
    assert found.summary == {
        "season": "2024-25",
        "teams": 30,
        "completeness": {"expected": 30, "got": 30, "missing": []},
        "players_without_team": 4,
        "drift": {"added": [], "missing_optional": []},
    }


def test_a_player_without_a_team_has_no_team_fields() -> None:
    players = [player for player in parse(PAYLOAD, PARAMETERS).records if isinstance(player, PlayerRecord)]
    free = next(player for player in players if player.team_id == 0)

    assert (free.team_abbreviation, free.team_city, free.jersey_number, free.roster_status) == (None,) * 4
    assert (free.draft_year, free.pts, free.weight) == (None, None, None)


def test_columns_are_found_by_their_headers() -> None:
    def edit(document: Any) -> None:
        table = document["resultSets"][0]
        order = list(range(len(table["headers"])))
        Random(7).shuffle(order)  # noqa: S311  # no secret depends on it
        table["headers"] = [table["headers"][place] for place in order]
        table["rowSet"] = [[row[place] for place in order] for row in table["rowSet"]]

    assert parse(edited(PAYLOAD, edit), PARAMETERS) == parse(PAYLOAD, PARAMETERS)


@pytest.mark.parametrize(
    ("day", "season"),
    [
        (date(2024, 9, 30), "2023-24"),
        (date(2024, 10, 1), "2024-25"),
        (date(2025, 6, 22), "2024-25"),
        (date(1999, 11, 2), "1999-00"),
    ],
)
def test_a_date_has_its_season(day: date, season: str) -> None:
    assert season_of(day) == season


def test_request_names_season(http_at: HttpAt) -> None:
    http = http_at(NOON)
    payload = fetch(PARAMETERS, http)

    assert len(parse(payload.body, PARAMETERS).records) == 394
    assert "https://stats.nba.com/stats/playerindex?" in http.requested_urls[0]
    assert "Season=2024-25" in http.requested_urls[0]


def test_another_season_is_refused() -> None:
    with pytest.raises(SourceChanged, match="requested season 2025-26, but the document is about 2024-25"):
        parse(PAYLOAD, Parameters(game_date=date(2025, 11, 5)))


def test_repeated_player_counts_once_and_differing_copy_is_set_aside() -> None:
    def edit(document: Any) -> None:
        rows = document["resultSets"][0]["rowSet"]
        rows += [rows[0], [*rows[1][:-3], 99.0, *rows[1][-2:]]]

    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert found.records == parse(PAYLOAD, PARAMETERS).records
    assert_set_aside(found, "is listed twice with different values")


def _table(document: Any) -> Any:
    return document["resultSets"][0]


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda document: _table(document)["rowSet"].__setitem__(0, "x"), r"rowSet\[0\] is 'x', not a list"),
        (lambda document: _table(document)["rowSet"][0].append(1), "27 values under 26 headers"),
        (lambda document: _table(document)["rowSet"][0].__setitem__(0, None), "PERSON_ID is None"),
        (lambda document: _table(document)["rowSet"][0].__setitem__(9, "SEA"), "unknown team 'SEA'"),
    ],
)
def test_an_odd_row_is_set_aside(edit: Any, complaint: str) -> None:
    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert_set_aside(found, complaint)
    assert len(found.records) == 393


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda document: _table(document)["headers"].__setitem__(0, "ID"), "no key 'PERSON_ID'"),
        (lambda document: _table(document)["headers"].append("MORE"), "26 values under 27 headers"),
        (lambda document: _table(document).update(rowSet=None), "rowSet is null .* not list"),
        (lambda document: _table(document).update(name="Other"), "no 'PlayerIndex'; it has Other"),
        (lambda document: document.pop("parameters"), "no key 'parameters'"),
    ],
)
def test_document_of_another_shape_is_a_changed_source(edit: Any, complaint: str) -> None:
    with pytest.raises(SourceChanged, match=complaint):
        parse(edited(PAYLOAD, edit), PARAMETERS)


def test_document_without_rows_has_no_empty_reason() -> None:
    empty = parse(edited(PAYLOAD, lambda document: _table(document).update(rowSet=[])), PARAMETERS)

    assert (list(empty.records), empty.empty_reason) == ([], "")


def test_new_column_is_drift() -> None:
    def edit(document: Any) -> None:
        _table(document)["headers"].append("WINGSPAN")
        for row in _table(document)["rowSet"]:
            row.append(84)

    assert parse(edited(PAYLOAD, edit), PARAMETERS).summary["drift"] == {
        "added": ["player.WINGSPAN"],
        "missing_optional": [],
    }


COVERS = {
    "nbac_player_list": {
        "normal": test_every_team_has_its_players,
        "empty": test_document_without_rows_has_no_empty_reason,
        "not_published": "never: the index of the current season always exists",
        "changed": test_document_of_another_shape_is_a_changed_source,
    },
}

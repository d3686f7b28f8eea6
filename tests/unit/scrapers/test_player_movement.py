from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import DAY, edited
from odd import assert_set_aside

from scrapers.nbacom.nbac_player_movement.scraper import Parameters, TransactionRecord, fetch, parse
from tipoff_dev.fakes.sources.players_json import write_player_movement

PARAMETERS = Parameters(game_date=DAY)
PAYLOAD = write_player_movement(DAY)
NOON = "2025-01-15T12:00:00-05:00"


def rows(document: Any) -> Any:
    return document["NBA_Player_Movement"]["rows"]


def test_the_whole_list_is_read() -> None:
    found = parse(PAYLOAD, PARAMETERS)

    assert len(found.records) == 1500
    assert found.summary == {
        "transactions_by_type": {"Signing": 500, "Trade": 500, "Waive": 500},
        "transactions_on_game_date": 1,
        "first_date": "2015-07-04",
        "last_date": "2025-01-15",
        "repeated": 0,
        "drift": {"added": [], "missing_optional": []},
    }


def test_a_trade_has_its_other_side_and_a_pick_no_player() -> None:
    records = [
        record for record in parse(PAYLOAD, PARAMETERS).records if isinstance(record, TransactionRecord)
    ]
    pick = next(record for record in records if record.player_id is None)
    signing = records[0]

    assert (pick.transaction_type, pick.player_slug) == ("Trade", None)
    assert pick.other_team_id is not None
    assert (signing.team_id, signing.transaction_date, signing.other_team_id) == (1610612737, DAY, None)


def test_list_is_fetched_from_its_url(http_at: HttpAt) -> None:
    http = http_at(NOON)

    assert len(parse(fetch(PARAMETERS, http).body, PARAMETERS).records) == 1500
    assert http.requested_urls == ["https://stats.nba.com/js/data/playermovement/NBA_Player_Movement.json"]


@pytest.mark.parametrize("key", ["Transaction_Type", "TEAM_ID", "PLAYER_SLUG", "GroupSort"])
def test_missing_required_key_is_named(key: str) -> None:
    found = parse(edited(PAYLOAD, lambda document: rows(document)[5].pop(key)), PARAMETERS)

    assert_set_aside(found, rf"rows\[5\] has no key '{key}'")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"TEAM_ID": 1610612737.5}, "TEAM_ID is float"),
        ({"TEAM_ID": 7}, "no team has the id 7"),
        ({"PLAYER_ID": None}, "PLAYER_ID is null"),
        ({"TRANSACTION_DATE": "15 January"}, "TRANSACTION_DATE is '15 January'"),
    ],
)
def test_transaction_with_invalid_value_is_set_aside(keys: dict[str, object], complaint: str) -> None:
    assert_set_aside(
        parse(edited(PAYLOAD, lambda document: rows(document)[5].update(keys)), PARAMETERS), complaint
    )


def test_document_without_rows_has_no_empty_reason() -> None:
    empty = parse(edited(PAYLOAD, lambda document: rows(document).clear()), PARAMETERS)

    assert (list(empty.records), empty.empty_reason) == ([], "")
    assert empty.summary["last_date"] is None


COVERS = {
    "nbac_player_movement": {
        "normal": test_the_whole_list_is_read,
        "empty": test_document_without_rows_has_no_empty_reason,
        "not_published": "never: the list always exists",
        "changed": test_missing_required_key_is_named,
    },
}

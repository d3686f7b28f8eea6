"""Tests of stats.nba.com's permanent documents: outcomes when the host fails."""

from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import DAY
from served import REGISTRY

from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable

NOON = "2025-01-15T12:00:00-05:00"
SOURCE = "stats.nba.com/*"

each = pytest.mark.parametrize("name", ["nbac_player_list", "nbac_player_movement"])


def fetch(name: str, http: Any) -> bytes:
    module = REGISTRY[name].module
    body: bytes = module.fetch(module.Parameters(game_date=DAY), http).body
    return body


@each
@pytest.mark.parametrize(("status", "error"), [(403, Blocked), (404, SourceChanged)])
def test_incident_5_refusal_is_blocked_and_move_is_a_changed_source(
    name: str, status: int, error: type[Exception], http_at: HttpAt
) -> None:
    http = http_at(NOON)
    http.fault(path=SOURCE, status=status)

    with pytest.raises(error, match=f"which always exists, answers {status}"):
        fetch(name, http)


@each
def test_a_truncated_document_is_undecodable(name: str, http_at: HttpAt) -> None:
    http = http_at(NOON)
    http.fault(path=SOURCE, body="truncated")
    module = REGISTRY[name].module

    with pytest.raises(Undecodable, match=r"the (player index|list of transactions) is not JSON"):
        module.parse(fetch(name, http), module.Parameters(game_date=DAY))


COVERS = {
    "nbac_player_list": {
        "blocked": test_incident_5_refusal_is_blocked_and_move_is_a_changed_source,
        "truncated": test_a_truncated_document_is_undecodable,
    },
    "nbac_player_movement": {
        "blocked": test_incident_5_refusal_is_blocked_and_move_is_a_changed_source,
        "truncated": test_a_truncated_document_is_undecodable,
    },
}

from datetime import date, datetime
from typing import Any

import pytest
from fake_http import HttpAt
from nba_games import DAY, GAME, SCENARIO, edited
from odd import assert_set_aside

from scrapers.nbacom.nbac_referee_assignments.scraper import Parameters, RefereeRecord, fetch, parse
from tipoff_dev.fakes.sources.officials_json import write_officials
from tipoff_scraper_runner.errors import Blocked, SourceChanged, Undecodable

PARAMETERS = Parameters(game_date=DAY)
EARLY, OUT = "2025-01-15T09:09:00-05:00", "2025-01-15T09:10:00-05:00"
PAYLOAD = write_officials(SCENARIO, DAY, datetime.fromisoformat(OUT))
SOURCE = "official.nba.com/*"


def test_each_game_has_its_crew() -> None:
    found = parse(PAYLOAD, PARAMETERS)
    crew = [
        record for record in found.records if isinstance(record, RefereeRecord) and record.game_id == GAME.id
    ]

    assert [record.seat for record in crew] == [1, 2, 3]
    assert len({record.official_id for record in crew}) == 3
    assert {(record.home_team, record.away_team, record.game_date) for record in crew} == {
        ("PHI", "NYK", DAY)
    }
    assert found.summary == {
        "games": 11,
        "games_without_full_crew": [],
        "completeness": {"expected": 11, "got": 11, "missing": []},
        "drift": {"added": [], "missing_optional": []},
    }
    assert found.about == DAY


def test_fourth_official_takes_the_seat_of_the_alternate() -> None:
    def edit(document: Any) -> None:
        document["nba"]["Table"]["rows"][0] |= {
            "official4": "Una Wells",
            "official4_code": 9,
            "official4_JNum": "9",
        }

    found = parse(edited(PAYLOAD, edit), PARAMETERS)
    (alternate,) = [
        record for record in found.records if isinstance(record, RefereeRecord) and record.seat == 4
    ]
    assert alternate.official == "Una Wells"
    assert len(found.records) == 34


def test_incident_9_a_game_without_its_officials_is_named() -> None:
    def edit(document: Any) -> None:
        document["nba"]["Table"]["rows"][0].update(official1=None, official2=None, official3="")

    found = parse(edited(PAYLOAD, edit), PARAMETERS)

    assert len(found.records) == 30
    assert found.summary["games_without_full_crew"] == [SCENARIO.games[DAY][0].id]


def test_before_nine_the_table_is_empty(http_at: HttpAt) -> None:
    found = parse(fetch(PARAMETERS, http_at(EARLY)).body, PARAMETERS)

    assert found.records == []
    assert found.empty_reason.startswith("no game of 2025-01-15 is listed")
    assert len(parse(fetch(PARAMETERS, http_at(OUT)).body, PARAMETERS).records) == 33


def test_games_without_any_official_are_not_published() -> None:
    def edit(document: Any) -> None:
        for row in document["nba"]["Table"]["rows"]:
            row.update(official1=None, official2=None, official3=None)

    assert parse(edited(PAYLOAD, edit), PARAMETERS).empty_reason.startswith(
        "11 games of 2025-01-15 are listed"
    )


def test_url_contains_date(http_at: HttpAt) -> None:
    http = http_at(OUT)
    fetch(PARAMETERS, http)

    assert http.requested_urls == [
        "https://official.nba.com/wp-json/api/v1/get-game-officials?date=2025-01-15"
    ]


@pytest.mark.parametrize(("status", "error"), [(403, Blocked), (404, SourceChanged)])
def test_incident_5_refusal_is_blocked_and_move_is_a_changed_source(
    status: int, error: type[Exception], http_at: HttpAt
) -> None:
    http = http_at(OUT)
    http.fault(path=SOURCE, status=status)

    with pytest.raises(error, match=f"which always exists, answers {status}"):
        fetch(PARAMETERS, http)


def test_a_truncated_document_is_undecodable(http_at: HttpAt) -> None:
    http = http_at(OUT)
    http.fault(path=SOURCE, body="truncated")

    with pytest.raises(Undecodable, match="the table of officials is not JSON"):
        parse(fetch(PARAMETERS, http).body, PARAMETERS)


@pytest.mark.parametrize("key", ["game_id", "official1", "official4_code", "home_team_abbr"])
def test_missing_required_key_is_named(key: str) -> None:
    def edit(document: Any) -> None:
        del document["nba"]["Table"]["rows"][2][key]

    assert_set_aside(parse(edited(PAYLOAD, edit), PARAMETERS), rf"rows\[2\] has no key '{key}'")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"game_date": "2025-01-15"}, "not MM/DD/YYYY"),
        ({"game_date": "01/16/2025"}, "is dated 2025-01-16, not 2025-01-15"),
        ({"official2_code": "12"}, "official2_code is str"),
    ],
)
def test_game_with_invalid_value_is_set_aside(keys: dict[str, object], complaint: str) -> None:
    changed = edited(PAYLOAD, lambda document: document["nba"]["Table"]["rows"][2].update(keys))

    found = parse(changed, PARAMETERS)

    assert_set_aside(found, complaint)
    assert found.about == DAY


def test_document_without_nba_key_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match="no key 'nba'"):
        parse(b"{}", Parameters(game_date=date(2025, 1, 15)))


COVERS = {
    "nbac_referee_assignments": {
        "normal": test_each_game_has_its_crew,
        "empty": test_games_without_any_official_are_not_published,
        "not_published": test_before_nine_the_table_is_empty,
        "blocked": test_incident_5_refusal_is_blocked_and_move_is_a_changed_source,
        "changed": test_missing_required_key_is_named,
        "truncated": test_a_truncated_document_is_undecodable,
    },
}

from typing import Any

import pytest
from served import REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

from scrapers.espn.espn_roster.team_ids import ESPN_IDS
from scrapers.teams import TEAMS
from tipoff_scraper_runner.manual import UnusableParameters

NAME = "espn_roster"


def athlete(number: int, **changed: Any) -> dict[str, Any]:
    """Return a fictional player; a value of ... leaves the key out."""
    keys = {
        "id": str(number),
        "displayName": f"Sample Player{number}",
        "firstName": "Sample",
        "lastName": f"Player{number}",
        "jersey": str(number),
        "position": {"abbreviation": "PG"},
        "height": 75.0,
        "weight": 190,
        "age": 24,
        "dateOfBirth": "2000-06-15T07:00Z",
        "experience": {"years": 3},
        "status": {"name": "Active"},
        "injuries": [],
        **changed,
    }
    return {key: value for key, value in keys.items() if value is not ...}


def injury(status: str, date: str) -> dict[str, str]:
    return {"status": status, "date": date}


def roster(*athletes: dict[str, Any], abbreviation: str = "GS") -> dict[str, Any]:
    return {"team": {"id": "9", "abbreviation": abbreviation, "athletes": list(athletes)}}


TEAM = roster(*(athlete(number) for number in range(12, 0, -1)))


def executed(document: Any, status: int = 200) -> Any:
    return run(NAME, served(document, status=status), team="GSW")


@pytest.mark.parametrize("spelling", ["GSW", "GS", "9", "Golden State Warriors"])
def test_every_spelling_of_team_requests_its_espn_id(spelling: str) -> None:
    source = served(TEAM)

    assert count(run(NAME, source, team=spelling)) == 12
    assert source.asked[0].url == (
        "https://site.api.espn.com/apis/site/v2/sports/basketball/nba/teams/9?enable=roster"
    )


def test_every_team_has_unique_espn_id() -> None:
    assert set(ESPN_IDS) == {one.tricode for one in TEAMS}
    assert sorted(ESPN_IDS.values()) == list(range(1, 31))


def test_full_and_sparse_players_are_read() -> None:
    hurt = [injury("Day-To-Day", "2025-01-10T15:30Z"), injury("Out", "2025-01-14T15:30Z")]
    blank = dict.fromkeys(("jersey", "position", "height", "weight", "age", "dateOfBirth", "experience"), ...)
    full, bare = records(NAME, roster(athlete(2, injuries=hurt), athlete(3, **blank)), team="GSW")

    assert full == {
        "team": "GSW",
        "espn_id": 2,
        "player_name": "Sample Player2",
        "first_name": "Sample",
        "last_name": "Player2",
        "jersey": "2",
        "position": "PG",
        "height_inches": 75.0,
        "weight_pounds": 190.0,
        "age": 24,
        "date_of_birth": "2000-06-15",
        "experience_years": 3,
        "status": "Active",
        "injury_status": "Out",
        "injury_date": "2025-01-14",
    }
    assert {key for key, value in bare.items() if value is None} == {
        *("jersey", "position", "height_inches", "weight_pounds", "age", "date_of_birth", "experience_years"),
        *("injury_status", "injury_date"),
    }


def test_summary_counts_players_and_injured() -> None:
    summary = executed(
        roster(*TEAM["team"]["athletes"], athlete(20, injuries=[injury("Out", "2025-01-14T15:30Z")]))
    ).data_summary

    assert (summary["team"], summary["injured"], summary["players_by_status"]) == ("GSW", 1, {"Active": 13})
    assert summary["drift"] == {"added": [], "missing_optional": []}


def test_roster_without_players_is_no_data() -> None:
    assert reason(executed(roster())) == "ESPN lists no players for GSW"


@pytest.mark.parametrize("status", [401, 403])
def test_blocked(status: int) -> None:
    assert f"answers {status}" in failure(executed(b"denied", status=status), "blocked")


def test_incident_5_moved_roster_is_a_changed_source() -> None:
    assert "answers 404" in failure(executed({"code": 404}, status=404), "source_changed")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "no key 'team'"),
        ({"team": {"abbreviation": "GS"}}, "no key 'athletes'"),
        (roster(athlete(1), abbreviation="BOS"), "requested GSW, but the document is about BOS"),
        (roster(athlete(1), abbreviation="SEA"), "unknown team 'SEA'"),
        (roster(athlete(1, id="one")), "not a number"),
        (roster(athlete(1, displayName=...)), "no key 'displayName'"),
        (roster(athlete(1)), "1 records; between 8 and 40 are expected"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(executed(document), "source_changed")


def test_repeated_player_counts_once_and_differing_copy_is_set_aside() -> None:
    found = executed(roster(*TEAM["team"]["athletes"], TEAM["team"]["athletes"][0], athlete(2, jersey="99")))

    assert count(found) == len(TEAM["team"]["athletes"])
    assert found.data_summary["set_aside"] == {
        "count": 1,
        "examples": ["player 2 is listed twice with different values"],
    }


def test_truncated() -> None:
    assert "it begins" in failure(executed(b'{"team": {"id"'), "decode")


def test_an_unknown_team_is_wrong_usage() -> None:
    with pytest.raises(UnusableParameters, match="unknown team 'SEA'"):
        run(NAME, served(TEAM), team="SEA")


def test_added_and_dropped_fields_are_drift() -> None:
    players = [athlete(number, jersey=..., nilDeal=True) for number in range(8)]

    assert executed(roster(*players)).data_summary["drift"] == {
        "added": ["athlete.nilDeal"],
        "missing_optional": ["athlete.jersey"],
    }


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(
        REGISTRY[NAME].module,
        roster(athlete(1, injuries=[injury("Out", "2025-01-14T15:30Z")]), athlete(2)),
        team="GSW",
    )


COVERS = {
    "espn_roster": {
        "normal": test_full_and_sparse_players_are_read,
        "empty": test_roster_without_players_is_no_data,
        "not_published": test_roster_without_players_is_no_data,
        "blocked": test_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}

from typing import Any

import pytest
from served import BLOCK_PAGE, REGISTRY, assert_read_or_named, count, failure, reason, records, run, served

from scrapers.balldontlie.bdl_injuries.fetching import MAX_PAGES
from scrapers.balldontlie.bdl_injuries.team_ids import team_by_number
from tipoff_scraper_runner.errors import ScrapeFailure

NAME = "bdl_injuries"


def injury(number: int = 1, team_id: int = 2, status: str = "Out", **changed: Any) -> dict[str, Any]:
    """Return the injury of a fictional player, by default of Boston."""
    return {
        "player": {
            "id": number,
            "first_name": "Sample",
            "last_name": f"Player{number}",
            "position": "G",
            "height": "6-4",
            "weight": "200",
            "jersey_number": "0",
            "college": "Sample College",
            "country": "USA",
            "draft_year": 2020,
            "draft_round": 1,
            "draft_number": 30,
            "team_id": team_id,
        },
        "return_date": "Feb 1",
        "description": "Jan 14: Player is out with a sample.",
        "status": status,
        **changed,
    }


def page(*injuries: dict[str, Any], cursor: int | None = None) -> dict[str, Any]:
    meta = {"per_page": 100, **({"next_cursor": cursor} if cursor else {})}
    return {"data": list(injuries), "meta": meta}


def test_single_page_is_read_without_exposing_key() -> None:
    source = served(page(injury(2, team_id=30), injury(1, status="Day-To-Day")))
    executed = run(NAME, source)

    assert count(executed) == 2
    assert executed.data_summary["injuries_by_status"] == {"Day-To-Day": 1, "Out": 1}
    assert executed.data_summary["drift"] == {"added": [], "missing_optional": []}
    assert source.asked[0].headers["Authorization"] == "the-injury-key"
    assert "the-injury-key" not in executed.model_dump_json()


def test_injury_record_has_every_field() -> None:
    assert records(NAME, page(injury(7, return_date=None))) == [
        {
            "bdl_player_id": 7,
            "player_name": "Sample Player7",
            "team": "BOS",
            "status": "Out",
            "return_date": None,
            "description": "Jan 14: Player is out with a sample.",
        }
    ]


def test_all_pages_are_fetched_and_repeated_injury_counts_once() -> None:
    source = served(page(injury(1), cursor=25), page(injury(1), injury(2), cursor=50), page(injury(3)))
    executed = run(NAME, source)

    assert count(executed) == 3
    assert executed.data_summary["repeated"] == 1
    assert [dict(request.url.params) for request in source.asked] == [
        {"per_page": "100"},
        {"per_page": "100", "cursor": "25"},
        {"per_page": "100", "cursor": "50"},
    ]


def test_team_numbers_map_to_tricodes() -> None:
    assert [team_by_number(number).tricode for number in range(1, 31)] == [
        *(
            "ATL",
            "BOS",
            "BKN",
            "CHA",
            "CHI",
            "CLE",
            "DAL",
            "DEN",
            "DET",
            "GSW",
            "HOU",
            "IND",
            "LAC",
            "LAL",
            "MEM",
        ),
        *(
            "MIA",
            "MIL",
            "MIN",
            "NOP",
            "NYK",
            "OKC",
            "ORL",
            "PHI",
            "PHX",
            "POR",
            "SAC",
            "SAS",
            "TOR",
            "UTA",
            "WAS",
        ),
    ]


def test_list_without_injuries_is_no_data() -> None:
    assert reason(run(NAME, served(page()))) == "the list has no injuries"


@pytest.mark.parametrize("status", [401, 403])
def test_blocked(status: int) -> None:
    assert "the key is refused, or its plan lacks injuries" in failure(
        run(NAME, served(b"Unauthorized", status=status)), "blocked"
    )


def test_web_page_instead_of_list_is_blocked() -> None:
    assert "a web page instead of" in failure(run(NAME, served(BLOCK_PAGE)), "blocked")
    assert "a web page instead of" in failure(
        run(NAME, served(page(injury(), cursor=25), BLOCK_PAGE)), "blocked"
    )


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"meta": {}}, "no key 'data'"),
        (page(injury(team_id=37)), "no team has the number 37"),
        (page(injury(status=None)), "status is null"),
        (page({"player": {}, "status": "Out"}), "no key 'description', 'return_date'"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(run(NAME, served(document)), "source_changed")


def test_incident_5_moved_list_is_a_changed_source() -> None:
    assert "answers 404" in failure(run(NAME, served(b"", status=404)), "source_changed")


def test_endless_pages_are_a_changed_source() -> None:
    source = served(page(injury(), cursor=25))

    assert f"more than {MAX_PAGES} pages" in failure(run(NAME, source), "source_changed")
    assert len(source.asked) == MAX_PAGES


def test_incident_9_list_with_missing_pages_is_refused() -> None:
    with pytest.raises(ScrapeFailure, match="refers to another page"):
        records(NAME, page(injury(), cursor=25))


@pytest.mark.parametrize("body", [b'{"data": [', b""])
def test_truncated(body: bytes) -> None:
    assert "it begins" in failure(run(NAME, served(body)), "decode")
    assert "it begins" in failure(run(NAME, served(page(injury(), cursor=25), body)), "decode")


def test_hostile_values_are_read_or_named() -> None:
    assert_read_or_named(REGISTRY[NAME].module, [page(injury(1), cursor=25), page(injury(2))])


COVERS = {
    "bdl_injuries": {
        "normal": test_single_page_is_read_without_exposing_key,
        "empty": test_list_without_injuries_is_no_data,
        "not_published": test_list_without_injuries_is_no_data,
        "blocked": test_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}

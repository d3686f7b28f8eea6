from typing import Any

import pytest
from served import BLOCK_PAGE, count, failure, reason, records, run, served

NAME = "tide_levels"
LIST: dict[str, Any] = {
    "date": "2025-01-15",
    "high_waters": [{"id": 2, "name": "second", "metres": 2}, {"id": 1, "name": "first", "metres": 1.5}],
}


def listing(*items: dict[str, Any]) -> dict[str, Any]:
    """Return the day's document with these items."""
    return {**LIST, "high_waters": list(items)}


def test_high_waters_come_by_their_ids() -> None:
    source = served(LIST)
    executed = run(NAME, source)

    assert count(executed) == 2
    assert records(NAME, LIST)[0] == {"tide_id": 1, "name": "first", "metres": 1.5}
    assert executed.data_summary["drift"] == {"added": [], "missing_optional": []}
    assert source.asked[0].url.params["date"] == "2025-01-15"


def test_empty_a_list_without_high_waters() -> None:
    assert reason(run(NAME, served(listing()))) == "the list is there and has no high waters"


def test_not_published_no_list_for_the_day() -> None:
    assert "not published yet" in reason(run(NAME, served({}, status=404)))


@pytest.mark.parametrize("status", [401, 403])
def test_blocked(status: int) -> None:
    assert "refuses" in failure(run(NAME, served({}, status=status)), "blocked")
    assert "a web page instead of" in failure(run(NAME, served(BLOCK_PAGE)), "blocked")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"date": "2025-01-15", "things": []}, "has no key 'high_waters'"),
        (listing({"id": 1, "metres": 1}), "has no key 'name'"),
        (listing({"id": "1", "name": "first", "metres": 1}), "id is str"),
    ],
)
def test_changed_is_named(document: Any, complaint: str) -> None:
    assert complaint in failure(run(NAME, served(document)), "source_changed")


def test_an_odd_high_water_costs_itself_only() -> None:
    odd, differing = {"id": 3, "metres": 1}, {**LIST["high_waters"][0], "name": "other"}
    executed = run(NAME, served(listing(*LIST["high_waters"], odd, differing)))

    assert count(executed) == 2
    assert executed.data_summary["set_aside"]["count"] == 2


def test_not_published_while_the_document_of_the_day_before_stands() -> None:
    assert "still that of 2025-01-14" in reason(run(NAME, served({**LIST, "date": "2025-01-14"})))


def test_changed_is_a_document_of_a_later_day() -> None:
    assert "2025-01-16" in failure(run(NAME, served({**LIST, "date": "2025-01-16"})), "source_changed")


def test_truncated() -> None:
    assert "it begins" in failure(run(NAME, served(b'{"high_waters": [{"id": 1')), "decode")


def test_a_new_field_is_drift() -> None:
    document = listing({**LIST["high_waters"][0], "colour": "red"})

    assert run(NAME, served(document)).data_summary["drift"] == {
        "added": ["high_water.colour"],
        "missing_optional": [],
    }


COVERS = {
    "tide_levels": {
        "normal": test_high_waters_come_by_their_ids,
        "empty": test_empty_a_list_without_high_waters,
        "not_published": test_not_published_no_list_for_the_day,
        "blocked": test_blocked,
        "changed": test_changed_is_named,
        "truncated": test_truncated,
    },
}

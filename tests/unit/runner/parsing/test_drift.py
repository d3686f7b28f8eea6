import pytest

from tipoff_scraper_runner.errors import SourceChanged
from tipoff_scraper_runner.parsing.drift import Drift, drift_summary, find_drift, names
from tipoff_scraper_runner.parsing.json_document import Node

NODES = [Node("rows[0]", {"id": 1, "note": "a"}), Node("rows[1]", {"id": 2, "extra": None})]


def test_known_fields_are_no_drift() -> None:
    found = find_drift("row", NODES, required=names("id"), optional=names("note"), rare=names("extra never"))

    assert found == Drift()


def test_added_and_dropped_fields_are_named_with_their_kind() -> None:
    rows = find_drift("row", NODES, required=names("id"), optional=names("note gone also_gone"))
    heads = find_drift("head", [Node("head", {"new": 1})])

    assert drift_summary(rows, heads) == {
        "added": ["row.extra", "head.new"],
        "missing_optional": ["row.also_gone", "row.gone"],
    }


def test_object_without_required_field_is_a_changed_source() -> None:
    with pytest.raises(SourceChanged, match=r"rows\[1\] has no key 'note'"):
        find_drift("row", NODES, required=names("id note"))


def test_nothing_to_compare_is_no_drift() -> None:
    assert find_drift("row", [], required=names("id"), optional=names("note")) == Drift()

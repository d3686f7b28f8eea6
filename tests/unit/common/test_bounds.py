"""Tests of the bounds on parts of an event: a cut value fits and states how much it leaves out."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from tests.support.examples import examples
from tipoff_common.bounds import (
    LEFT_OUT,
    MAX_DEPTH,
    PROSE_CHARACTERS,
    bounded_name,
    check_json,
    clip_json,
    clip_text,
    cut_list,
    name_part,
    storable_json,
    storable_object,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=30,
)


def test_text_within_limit_is_unchanged() -> None:
    assert clip_text("x" * PROSE_CHARACTERS) == "x" * PROSE_CHARACTERS


def test_clipped_text_states_omitted_length() -> None:
    assert clip_text("x" * 90_000) == "x" * 3_940 + "... (86,060 more characters left out)"


@pytest.mark.parametrize("length", [1, PROSE_CHARACTERS])
def test_unpaired_surrogate_is_escaped(length: int) -> None:
    """A structured event with such an attribute name got a 500 on each delivery, as its refusal quoted the name."""
    cut = clip_text("\ud800" * length)
    assert cut.encode().decode() == cut
    assert "\\ud800" in cut
    assert len(cut) <= PROSE_CHARACTERS


@given(st.text(max_size=300), st.integers(70, 200))
def test_clipping_text_is_idempotent(text: str, limit: int) -> None:
    cut = clip_text(text, limit)
    assert len(cut) <= limit
    assert clip_text(cut, limit) == cut


@given(st.text(st.characters(), max_size=400), st.integers(40, 200))
def test_bounded_name_fits_byte_limit(text: str, limit: int) -> None:
    name = bounded_name(text, limit)
    assert len(name.encode()) <= limit


@given(st.lists(st.text(max_size=200), min_size=2, max_size=8, unique=True))
def test_names_of_different_texts_differ(texts: list[str]) -> None:
    assert len({name_part(text) for text in texts}) == len(texts)


def test_name_part_is_bounded_and_has_no_slash() -> None:
    """Percent-encoded, the name has 1,200 bytes; Cloud Storage allows 1,024 for the whole object name."""
    assert len(name_part("\N{BASKETBALL AND HOOP}" * 100)) == 100
    assert name_part("nbac_schedule") == "nbac_schedule"
    assert "/" not in name_part("a/b")


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 2**63, -(2**63) - 1, "\ud800", {"\ud800": 1}])
def test_value_that_does_not_round_trip_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"finite|64 bits|surrogates"):
        check_json({"list": [bad]})


def test_deep_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(ValueError, match="nested deeper"):
        check_json(deep)


@given(anything)
def test_any_value_can_be_made_storable(value: Any) -> None:
    stored = check_json(storable_json(value))
    assert json.loads(to_json(stored)) == stored


@given(st.dictionaries(st.text(max_size=9) | st.sampled_from(["\ud800"]), anything, max_size=9))
def test_any_object_can_be_made_storable(value: dict[str, Any]) -> None:
    stored = storable_object(value)
    assert check_json(stored) == stored


def test_deeply_nested_object_can_be_made_storable() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = {"in": deep}
    assert storable_object(deep) == check_json(deep)
    assert check_json(storable_object({"deeper": deep}))


@given(st.dictionaries(st.text(max_size=9), anything, max_size=9))
def test_storable_value_is_unchanged(value: dict[str, Any]) -> None:
    try:
        check_json(value)
    except ValueError:
        return
    assert storable_json(value) == value


def test_clipped_list_keeps_first_items_and_counts_the_rest() -> None:
    names = [f"unknown_field_{number}" for number in range(25_000)]
    cut = clip_json({"record_count": 9, "drift": {"added": names}}, 100_000)
    assert len(to_json(cut)) <= 100_000
    assert cut["record_count"] == 9
    result = cut["drift"]["added"]  # type: ignore[call-overload,index]
    assert result[:-1] == names[:1000]
    assert result[-1] == "(24,000 more left out)"


def test_clipped_wide_object_keeps_scalar_fields() -> None:
    wide: dict[str, Any] = {"content_sha256": "0" * 64, **{f"k{n}": [str(n)] * 9 for n in range(30_000)}}
    cut = clip_json(wide, 50_000)
    assert len(to_json(cut)) <= 50_000
    assert cut["content_sha256"] == "0" * 64
    assert "entries left out" in str(cut[LEFT_OUT])


@settings(max_examples=examples(50))
@given(
    st.dictionaries(st.text(max_size=9), anything.map(storable_json), max_size=9), st.integers(1_000, 3_000)
)
def test_clipping_object_fits_limit_and_is_idempotent(value: dict[str, Any], limit: int) -> None:
    cut = clip_json(value, limit)
    assert len(to_json(dict(cut))) <= limit
    assert clip_json(cut, limit) == cut


@given(st.lists(st.text(max_size=30), min_size=10, max_size=40), st.integers(250, 700))
@example(["x" * 20] * 20, 300)
@example(["x" * 20] * 10, 300)
def test_cut_list_keeps_leading_items_that_fit(items: list[str], limit: int) -> None:
    kept = cut_list(items, limit)
    assert items[: len(kept)] == list(kept)
    assert len(to_json(list(kept))) <= limit
    # The size of a list is counted with one comma too many.
    if len(to_json(items)) < limit:
        assert len(kept) == len(items)
    else:
        assert len(to_json(items[: len(kept) + 1])) >= limit - 200
